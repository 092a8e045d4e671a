"""What goes out over the socket, in order, through something bounded."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from serve_app.realtime.ids import new_id

HARD_LIMIT_FACTOR = 2
"""Events wait for nobody. So many times the limit on media may be queued with them; what comes then is not kept."""


@dataclass(frozen=True, slots=True)
class _Message:
    content: str | bytes
    response: int | None = None


class Outbox:
    """Events are queued at once; media wait until there is room, which holds their making back. One event loop.

    `full`: the client took so little that something had to be left out; the session has to end.
    """

    def __init__(
        self,
        send: Callable[[str | bytes], Awaitable[None]],
        limit_bytes: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.full = False
        self._send = send
        self._limit = limit_bytes
        self._clock = clock
        self._queue: deque[_Message] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._sending_since: float | None = None

    def put(self, kind: str, **fields: object) -> None:
        """One event, with an id of its own."""
        if self._bytes > HARD_LIMIT_FACTOR * self._limit:
            self.full = True
            return
        self._push(_Message(_event(kind, fields)))

    async def put_media_event(self, response: int, kind: str, fields: Mapping[str, object]) -> None:
        """An event that carries media."""
        await self.put_media(response, _event(kind, fields))

    async def put_media(self, response: int, content: str | bytes) -> None:
        """A part of a response's media, queued once there is room."""
        while self._bytes >= self._limit:
            self._drained.clear()
            await self._drained.wait()
        self._push(_Message(content, response))

    def discard(self, response: int) -> None:
        """Media of that response that wait are not sent."""
        kept = [message for message in self._queue if message.response != response]
        self._queue = deque(kept)
        self._bytes = sum(len(message.content) for message in kept)
        self._drained.set()

    @property
    def blocked_seconds(self) -> float:
        """How long the message that is being sent has been on its way."""
        return 0.0 if self._sending_since is None else self._clock() - self._sending_since

    async def run(self) -> None:
        """Sends until cancelled. Raises what `send` raises."""
        while True:
            while not self._queue:
                self._filled.clear()
                await self._filled.wait()
            message = self._queue.popleft()
            self._sending_since = self._clock()
            await self._send(message.content)
            self._sending_since = None
            self._bytes -= min(self._bytes, len(message.content))
            self._drained.set()

    def _push(self, message: _Message) -> None:
        self._queue.append(message)
        self._bytes += len(message.content)
        self._filled.set()


def _event(kind: str, fields: Mapping[str, object]) -> str:
    return json.dumps({"type": kind, "event_id": new_id("event"), **fields}, ensure_ascii=False)
