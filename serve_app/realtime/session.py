"""One connection's life: its tasks, the way in, the way out, and how it ends."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

from deployments.errors import AvatarError, TooLarge
from serve_app.realtime.answering import Answering
from serve_app.realtime.client_events import client_event, object_of
from serve_app.realtime.failures import CloseCode, HungUp, Restarting, SessionEnd, SessionExpired, Stalled, error_body
from serve_app.realtime.handling import Handling
from serve_app.realtime.host import Talk
from serve_app.realtime.keeping import Keeper
from serve_app.realtime.listening import Listening
from serve_app.realtime.session_object import session_object

logger = logging.getLogger("ray.serve")

Receive = Callable[[], Awaitable[str | bytes]]
"""The client's next message. Raises HungUp."""
WATCH_SECONDS = 0.5
PLAYED_OUT_SECONDS = 0.3
"""Less than this unplayed is no stall: a client's last report may be a little short."""


class Session:
    """One session while it is connected. The talk's tasks live in `tasks` and end with it."""

    def __init__(self, talk: Talk, receive: Receive, resumed: bool) -> None:
        self._talk = talk
        self._receive = receive
        self._resumed = resumed
        self._settings = talk.host.settings
        self._answering = Answering(talk)
        self._listening = Listening(talk, self._answering)
        self._handling = Handling(talk, self._listening, self._answering)
        self._keeper = Keeper(talk)
        talk.changed = self._keeper.note
        self._inbox: deque[str | bytes] = deque()
        self._inbox_bytes = 0
        self._arrived = asyncio.Event()
        self._ended: asyncio.Future[SessionEnd] = asyncio.get_running_loop().create_future()
        self._last_sign = self._last_sound = self._progress_at = time.perf_counter()
        self._progress = 0.0
        self._draining = False

    def drain(self) -> None:
        """From outside: the session is over, with 1012, as soon as nobody speaks."""
        self._draining = True

    def end(self, code: CloseCode, error: AvatarError | None = None) -> None:
        """From outside: the session is over now."""
        if not self._ended.done():
            self._ended.set_result(SessionEnd(code, error))

    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """Until the session ends: raises SessionEnd or HungUp, never returns. `tasks` is the group that all its work
        runs in, which the error ends."""
        await self._greet()
        for work in (self._read(), self._talk.outbox.run(), self._watch(), self._keeper.run(), self._work()):
            tasks.create_task(work)
        raise await self._ended

    async def farewell(self, end: SessionEnd | HungUp) -> None:
        """What is left to do once all work has stopped: of an answer under way what was heard is kept."""
        self._answering.interrupt("client_cancelled")
        await self._keeper.last(goodbye=isinstance(end, HungUp) and end.goodbye)

    async def _greet(self) -> None:
        self._talk.expires_at = int(time.time() + self._settings.max_session_seconds)
        self._listening.configure()
        self._talk.outbox.put("session.created", session=await session_object(self._talk, self._resumed))
        previous = None
        for item in self._talk.history.items:
            for kind in ("conversation.item.added", "conversation.item.done"):
                self._talk.outbox.put(kind, previous_item_id=previous, item=item.as_json())
            previous = item.id

    async def _read(self) -> None:
        """Always receiving, so that a client that is gone is noticed at once."""
        while True:
            message = await self._receive()
            self._last_sign = time.perf_counter()
            size = len(message)
            if size > self._settings.max_message_bytes:
                error = TooLarge(f"A message may have {self._settings.max_message_bytes} bytes.")
                raise SessionEnd(CloseCode.TOO_BIG, error)
            if self._inbox_bytes + size > self._settings.max_backlog_bytes:
                raise SessionEnd(CloseCode.TOO_BIG, TooLarge("Messages come faster than they can be worked on."))
            self._inbox.append(message)
            self._inbox_bytes += size
            self._arrived.set()

    async def _work(self) -> None:
        """Message by message, in order."""
        while True:
            while not self._inbox:
                self._arrived.clear()
                await self._wait()
            message = self._inbox.popleft()
            self._inbox_bytes -= len(message)
            await self._do(message)

    async def _wait(self) -> None:
        """For a message. While somebody speaks, a gap in the sound is silence."""
        gap = self._settings.idle_gap_seconds
        patience = max(0.05, self._last_sound + gap - time.perf_counter()) if self._listening.speaking else None
        try:
            async with asyncio.timeout(patience):
                await self._arrived.wait()
        except TimeoutError:
            self._listening.silence(time.perf_counter() - self._last_sound)

    async def _do(self, message: str | bytes) -> None:
        event_id: str | None = None
        try:
            if isinstance(message, bytes):
                await self._sound(self._listening.hear(message))
                return
            fields = object_of(message)
            said = fields.get("event_id")
            event_id = said if isinstance(said, str) else None
            event = client_event(fields)
            handled = self._handling.handle(event)
            await (self._sound(handled) if event.type == "input_audio_buffer.append" else handled)
        except AvatarError as error:
            self._talk.outbox.put("error", error=error_body(error, self._talk.id, event_id))

    async def _sound(self, heard: Awaitable[None]) -> None:
        self._last_sound = time.perf_counter()
        await heard

    async def _watch(self) -> None:
        """The limits in time."""
        deadline = time.perf_counter() + self._settings.max_session_seconds
        while True:
            await asyncio.sleep(min(WATCH_SECONDS, self._settings.stall_seconds / 4))
            now = time.perf_counter()
            if now > deadline:
                message = "The connection has lasted as long as one may. Connect again with the resume token."
                raise SessionEnd(CloseCode.SESSION_LIMIT, SessionExpired(message))
            if self._talk.outbox.full or self._talk.outbox.blocked_seconds > self._settings.stall_seconds:
                raise SessionEnd(CloseCode.STALLED, Stalled("The client does not take what is sent to it."))
            self._watch_playback(now)
            silent = not self._answering.busy and self._answering.playing is None and not self._listening.speaking
            if self._draining and silent:
                raise SessionEnd(CloseCode.RESTART, Restarting())

    def _watch_playback(self, now: float) -> None:
        """Raises SessionEnd for a client of the video extension that has media and plays none of them."""
        playing = self._answering.playing
        unplayed = playing.playback.unplayed_seconds if playing is not None else 0.0
        if playing is None or unplayed < PLAYED_OUT_SECONDS or not playing.plan.picture:
            self._progress_at = now
            return
        position = playing.playback.sent_seconds - unplayed
        if position != self._progress:
            self._progress, self._progress_at = position, now
        silent = now - max(self._last_sign, self._progress_at)
        if silent > self._settings.stall_seconds or now - self._progress_at > self._settings.pause_seconds:
            raise SessionEnd(CloseCode.STALLED, Stalled("There are media to play and no sign that they are played."))
