"""Answers that are made while they are sent, and work that stops when nobody waits for it any more."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from serve_app.gateway.errors_table import answer_to, request_id_of
from serve_app.withdrawal import withdraw

logger = logging.getLogger("ray.serve")
T = TypeVar("T")


async def unless_hung_up(request: Request, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled, and waited for, when the client hangs up: ClientDisconnect then.

    The body must have been read: what arrives afterwards can only be the end of the connection.
    """
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(hang_up(request.receive))
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientDisconnect
    finally:
        await withdraw(watch)
        await withdraw(task)


async def hang_up(receive: Receive) -> None:
    """Returns when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


class StreamedAnswer(Response):
    """Sends the chunks of a generator as they are made. The generator is closed in every case: at its end, on an
    error, when the client hangs up.

    An error after the start cannot change the status any more. The connection is then cut without the proper end of
    a chunked body, so that no client takes the part for the whole.
    """

    def __init__(
        self,
        request_id: str,
        first: bytes,
        rest: AsyncGenerator[bytes, None],
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(None, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no", **headers}, media_type)
        del self.headers["content-length"]
        self._request_id = request_id
        self._first = first
        self._rest = rest

    @classmethod
    async def start(
        cls,
        request: Request,
        chunks: AsyncGenerator[bytes, None],
        media_type: str,
        headers: Callable[[], Mapping[str, str]] = dict,
    ) -> "StreamedAnswer":
        """Waits for the first chunk, so that what goes wrong before it is raised here and gets its own status.
        `headers` is asked after it."""
        try:
            first = await unless_hung_up(request, anext(chunks))
        except BaseException:
            await chunks.aclose()
            raise
        return cls(request_id_of(request), first, chunks, media_type, headers())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send(send))
        watch = asyncio.ensure_future(hang_up(receive))
        try:
            await asyncio.wait((sending, watch), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await withdraw(watch)
            await withdraw(sending)
            await self._rest.aclose()
        if sending.cancelled():
            logger.info("request %s: the client hung up", self._request_id)
        elif (error := sending.exception()) is not None:
            answer = answer_to(error, self._request_id)
            logger.warning("request %s broke off with %s: %s", self._request_id, answer.code, answer.message)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        async for chunk in self._rest:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        with contextlib.suppress(OSError):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
