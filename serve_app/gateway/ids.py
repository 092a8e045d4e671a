"""Each request and each socket has an id: the client's own if it sends one, otherwise a new one. The answer carries it
back."""

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.gateway.errors_table import InvalidField, answer_to

HEADER = "X-Request-ID"
VALID_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")


class RequestIds:
    """ASGI middleware that puts `request_id` into the scope and onto the answer. A socket with an invalid one, which
    could not be told, gets a new one.

    `echo` is False behind Serve's proxy, which adds the header to each answer by itself.
    """

    def __init__(self, app: ASGIApp, echo: bool = True) -> None:
        self.app = app
        self.echo = echo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope).get(HEADER)
        valid = asked is not None and VALID_ID.fullmatch(asked) is not None
        scope["request_id"] = asked if valid else uuid.uuid4().hex

        async def send_with_id(message: Message) -> None:
            if self.echo and message["type"] in ("http.response.start", "websocket.accept"):
                message.setdefault("headers", [])
                MutableHeaders(scope=message)[HEADER] = scope["request_id"]
            await send(message)

        if asked is not None and not valid and scope["type"] == "http":
            error = InvalidField(f"{HEADER} takes 1 to 128 letters, digits, '.', '_', ':' and '-'.", HEADER)
            await answer_to(error, scope["request_id"]).response()(scope, receive, send_with_id)
            return
        await self.app(scope, receive, send_with_id)
