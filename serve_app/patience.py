"""What Serve's proxy has to know of a client that takes nothing.

A gateway behind the proxy sees all that it sends taken at once: the proxy reads ahead. And the proxy's own server waits
for ever for such a client: a ping that is not answered closes a line only once all that waits on it has been sent. So
here, in the proxy, the line counts as broken once a message has not been taken for a while, and the gateway learns of
it as of any client that is gone.
"""

import asyncio
import logging

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger("ray.serve")

PROXY_VARIABLE = "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"
PROXY_CALLBACK = "serve_app.patience:proxy_middlewares"
"""What the environment has to say for Serve's proxy to use this."""
STALL_SECONDS = 10.0
"""As `realtime.stall_seconds` in the gateway, which the proxy does not know."""
_LOST = {"type": "websocket.disconnect", "code": 1006}


class Patience:
    """For sockets only: an HTTP download may be as slow as its line."""

    def __init__(self, app: ASGIApp, seconds: float = STALL_SECONDS) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            line = _Line(receive, send, self._seconds)
            receive, send = line.receive, line.send
        await self._app(scope, receive, send)


class _Line:
    """One client's. Once a message was not taken in time nothing is sent any more, and the client is gone."""

    def __init__(self, receive: Receive, send: Send, seconds: float) -> None:
        self._receive, self._send, self._seconds = receive, send, seconds
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def send(self, message: Message) -> None:
        if self._gone.done():
            return
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            logger.info("a client has taken nothing for %g s and is cut off", self._seconds)
            if not self._gone.done():
                self._gone.set_result(None)

    async def receive(self) -> Message:
        if self._gone.done():
            return dict(_LOST)
        coming = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait((coming, self._gone), return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else dict(_LOST)
        finally:
            coming.cancel()


def proxy_middlewares() -> list[Middleware]:
    """Serve's proxy calls this when it starts."""
    return [Middleware(Patience)]
