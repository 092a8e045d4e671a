"""Who may call the doors: holders of the key or, where none is set, this machine; and no web page of foreign origin."""

import hmac
import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.errors import AvatarError
from serve_app.gateway.errors_table import Forbidden, Unauthorised, answer_to

OPEN_PATHS = ("/", "/health")
"""Doors that need no key: load balancers and the curious."""


class Access:
    """ASGI middleware. A browser sends form posts across origins unasked; `Origin` gives those away."""

    def __init__(self, app: ASGIApp, api_key: str | None, origins: tuple[str, ...]) -> None:
        self.app = app
        self.api_key = api_key
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._check(scope)
            except AvatarError as error:
                await answer_to(error, scope.get("request_id", "")).response()(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            self._check_origin(headers.get("origin"), headers.get("host"))
        if scope["path"] in OPEN_PATHS or scope["method"] == "OPTIONS":
            return
        if self.api_key is None:
            if _from_elsewhere(scope):
                raise Unauthorised(
                    "This server has no API key and so answers its own machine only. Set AVATAR_API_KEY."
                )
            return
        given = headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {self.api_key}".encode()):
            raise Unauthorised("This server asks for its key: send the header 'Authorization: Bearer KEY'.")

    def _check_origin(self, origin: str | None, host: str | None) -> None:
        if origin is None or urlsplit(origin).netloc == host or {origin, "*"} & set(self.origins):
            return
        raise Forbidden(f"Pages of {origin[:200]} may not call this server. Name it in gateway.cors_origins.")


def _from_elsewhere(scope: Scope) -> bool:
    """Whether the peer is known and is not this machine."""
    try:
        peer = ipaddress.ip_address((scope.get("client") or ("",))[0])
    except ValueError:
        return False  # a test or a Unix socket: there is no address
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return not (mapped or peer).is_loopback
