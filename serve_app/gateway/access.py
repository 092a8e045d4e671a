"""Who may call the doors: holders of a key or, where there is none, this machine; and no web page of foreign origin."""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from deployments.errors import AvatarError
from serve_app.authority import AUTHORITY_PATH
from serve_app.gateway.errors_table import Forbidden, Unauthorised, answer_to
from serve_app.gateway.identity import Identity
from serve_app.gateway.keys import KeyRing
from serve_app.gateway.meter import Meter
from serve_app.gateway.refusals import refuse_socket

OPEN_PATHS = ("/", "/health", AUTHORITY_PATH)
"""Doors that need no key: load balancers, the curious, and phones that are to trust our certificate."""
OPEN_FOLDER = "/page/"
"""The page's own files: a browser that loads them has no key to send."""
KEY_PROTOCOL = "openai-insecure-api-key."
"""A browser cannot put a header onto a socket: the key comes as a subprotocol, as OpenAI's own clients send it."""
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class Access:
    """ASGI middleware that puts the asker's `identity` into the scope of requests and sockets, or refuses them.

    A browser sends form posts and opens sockets across origins unasked; `Origin` gives those away. A refused socket is
    accepted, told why and closed, because a browser's script does not see how a handshake was refused.
    """

    def __init__(self, app: ASGIApp, keys: KeyRing, origins: tuple[str, ...], meter: Meter) -> None:
        self.app = app
        self.meter = meter
        self.keys = keys
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                scope["identity"] = self._admitted(scope)
            except AvatarError as error:
                answer = answer_to(error, scope.get("request_id", ""))
                self.meter.refused(answer.code)
                if scope["type"] == "websocket":
                    await refuse_socket(answer, scope, receive, send)
                else:
                    await answer.response()(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _admitted(self, scope: Scope) -> Identity:
        """Raises Forbidden and Unauthorised."""
        headers = Headers(scope=scope)
        socket = scope["type"] == "websocket"
        secret = _from_header(headers)
        if socket:
            offered = _from_protocols(scope)  # in any case: the secret must not be echoed by a door
            secret = offered if secret is None else secret
        if socket or scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            self._check_origin(headers.get("origin"), headers.get("host"))
        if not socket and (_is_open(scope["path"]) or scope["method"] == "OPTIONS"):
            return Identity()
        return self._holder(secret) if self.keys else self._neighbour(scope, headers)

    def _holder(self, secret: bytes | None) -> Identity:
        identity = None if secret is None else self.keys.holder(secret)
        if identity is None:
            raise Unauthorised("This server asks for its key: send the header 'Authorization: Bearer KEY'.")
        return identity

    def _neighbour(self, scope: Scope, headers: Headers) -> Identity:
        """Somebody on this machine, where there are no keys."""
        if _from_elsewhere(scope) or any(name in headers for name in FORWARDED):
            raise Unauthorised("This server has no API key and so answers its own machine only. Set AVATAR_API_KEY.")
        if _may_be_foreign(headers.get("host")):
            raise Forbidden(
                "This server has no API key and so answers to names of its own machine only, such as localhost. "
                "Set AVATAR_API_KEY."
            )
        return Identity()

    def _check_origin(self, origin: str | None, host: str | None) -> None:
        if origin is None or urlsplit(origin).netloc == host or {origin, "*"} & set(self.origins):
            return
        raise Forbidden(f"Pages of {origin[:200]} may not call this server. Name it in gateway.cors_origins.")


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDER)


def _from_header(headers: Headers) -> bytes | None:
    """The bearer's secret, byte for byte as it was sent."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip().encode("latin-1") if scheme.lower() == "bearer" else None


def _from_protocols(scope: Scope) -> bytes | None:
    """The secret among a socket's subprotocols, which is taken out of the scope."""
    offered = list(scope.get("subprotocols", ()))
    scope["subprotocols"] = [name for name in offered if not name.startswith(KEY_PROTOCOL)]
    secrets = [name.removeprefix(KEY_PROTOCOL) for name in offered if name.startswith(KEY_PROTOCOL)]
    return secrets[0].encode("latin-1") if secrets else None


def _from_elsewhere(scope: Scope) -> bool:
    """Whether the peer is known and is not this machine."""
    try:
        peer = ipaddress.ip_address((scope.get("client") or ("",))[0])
    except ValueError:
        return False  # a test or a Unix socket: there is no address
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return not (mapped or peer).is_loopback


def _may_be_foreign(host: str | None) -> bool:
    """Whether a page of elsewhere could go by this name. Its owner can let the name point to 127.0.0.1 and so make
    our doors its own origin (DNS rebinding); an address, or a name without a dot, cannot be had like that."""
    name = urlsplit(f"//{host}").hostname if host else None
    if name is None or "." not in name or name.endswith(".localhost"):
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return True
    return False
