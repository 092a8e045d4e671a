"""A conversation over the realtime socket."""

import asyncio
import itertools
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Unpack

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from deployments.errors import AvatarError
from serve_app.client.realtime_asking import DEFAULT_RATE_HZ, Talking, Ticket, said_item, session_of
from serve_app.client.realtime_closing import NORMAL_CLOSE, SessionClosed, closed, refused
from serve_app.client.realtime_events import (
    AnswerDone,
    MediaPiece,
    RealtimeEvent,
    Refusal,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
)
from serve_app.client.realtime_player import Position, VirtualPlayer
from serve_app.client.realtime_reading import EventReader

REPORT_SECONDS = 0.25
"""Between two playback reports; the server wants one at least every half second."""
_MOST_EVENTS = 1024


class RealtimeConversation:
    """Speak, type, interrupt, and iterate over what comes back. Made by `AsyncAvatarClient.realtime`.

    What comes in is read in the background, told to the player, and its playback to the server. Up to 1024 events
    wait for whoever iterates; beyond that the server waits too. When the person is heard during an answer the player
    stops, and the server learns what of the answer was heard.
    """

    def __init__(self, socket: ClientConnection, player: VirtualPlayer) -> None:
        self.player = player
        self.session: Mapping[str, Any] = {}
        self.ticket = Ticket("", "")
        self.resumed = False
        self._socket = socket
        self._reader = EventReader()
        self._events: asyncio.Queue[RealtimeEvent | AvatarError | None] = asyncio.Queue(_MOST_EVENTS)
        self._ids = itertools.count(1)
        self._answers: dict[str, asyncio.Future[None]] = {}
        self._cut: dict[str, int] = {}
        self._made: deque[str] = deque(maxlen=16)
        self._media_came = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def __aiter__(self) -> AsyncIterator[RealtimeEvent]:
        return self

    async def __anext__(self) -> RealtimeEvent:
        """Ends after a normal close. Raises SessionClosed after any other, and the server's typed errors."""
        event = await self._events.get()
        if isinstance(event, RealtimeEvent):
            return event
        self._events.put_nowait(event)
        if event is None:
            raise StopAsyncIteration
        raise event

    async def send(self, kind: str, **fields: Any) -> str:
        """Any event of the protocol. Returns its id, which a Refusal names. Raises SessionClosed."""
        event_id = f"client_{next(self._ids)}"
        await self._send(json.dumps({"type": kind, "event_id": event_id, **fields}))
        return event_id

    async def update(self, **talking: Unpack[Talking]) -> None:
        """Changes the session. Raises the server's refusal; then nothing is changed."""
        event_id = f"client_{next(self._ids)}"
        told = self._answers[event_id] = asyncio.get_running_loop().create_future()
        await self._send(json.dumps({"type": "session.update", "event_id": event_id, "session": session_of(talking)}))
        await told

    @property
    def rate_hz(self) -> int:
        """Of the sound that the server expects."""
        format = self.session.get("audio", {}).get("input", {}).get("format") or {}
        return int(format.get("rate", DEFAULT_RATE_HZ))

    async def send_audio(self, pcm16: bytes) -> None:
        """The person's sound: PCM16, little-endian, one channel, `rate_hz`."""
        await self._send(pcm16)

    async def speak(self, pcm16: bytes, chunk_seconds: float = 0.02) -> float:
        """The same at the pace of a microphone, which gives a chunk when its last sample was recorded. Returns when
        the first sample was spoken, by `time.perf_counter()`."""
        size = 2 * round(self.rate_hz * chunk_seconds)
        begun = time.perf_counter()
        for start in range(0, len(pcm16), size):
            end = min(start + size, len(pcm16))
            await asyncio.sleep(begun + end / (2 * self.rate_hz) - time.perf_counter())
            await self.send_audio(pcm16[start:end])
        return begun

    async def commit(self) -> str:
        """Push-to-talk: what was sent is all that the person says, and is to be answered. Returns the id that a
        Refusal to answer names."""
        await self.send("input_audio_buffer.commit")
        return await self.send("response.create")

    async def say(self, text: str) -> str:
        """The person types. Returns as `commit`."""
        await self._send(json.dumps(said_item(text)))
        return await self.send("response.create")

    async def interrupt(self) -> None:
        """Stops what is made and what is played; the conversation keeps what was heard of it."""
        for position in self.player.stop():
            await self._tell(position)
        await self.send("output_audio_buffer.clear")

    async def played_out(self) -> None:
        """Returns once all media that came have been played."""
        while (seconds := self.player.remaining_seconds()) > 0:
            await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Says goodbye. The conversation is over for the server too."""
        await self._socket.close(NORMAL_CLOSE)

    def abort(self) -> None:
        """Cuts the line without a word, as a lost network does."""
        self._socket.transport.abort()

    async def begin(self) -> None:
        """Raises the server's typed error where it refuses."""
        self._tasks.append(asyncio.create_task(self._read()))
        first = await anext(self)
        while not isinstance(first, SessionCreated):
            first = await anext(self)
        self._tasks.append(asyncio.create_task(self._report()))

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._socket.close(NORMAL_CLOSE)

    async def _send(self, message: str | bytes) -> None:
        try:
            await self._socket.send(message)
        except ConnectionClosed as error:
            raise closed(error) from error

    async def _read(self) -> None:
        last: RealtimeEvent | None = None
        end: AvatarError | None = None
        try:
            while True:
                last = self._reader.read(await self._socket.recv(), time.perf_counter())
                with suppress(SessionClosed):  # what can no longer be sent: what ended it is still to be read
                    await self._note(last)
                await self._events.put(last)
        except ConnectionClosed as error:
            end = closed(error)
        except AvatarError as error:
            end = error
        if isinstance(end, SessionClosed) and not end.resumable and isinstance(last, Refusal):
            end = refused(last)
        for event_id in list(self._answers):
            self._told(event_id, end)
        normal = isinstance(end, SessionClosed) and end.close_code == NORMAL_CLOSE
        await self._events.put(None if normal else end)

    async def _note(self, event: RealtimeEvent) -> None:
        """What the conversation itself has to know of an event."""
        if isinstance(event, SessionCreated):
            self.session, self.resumed = event.session, event.resumed
            self.ticket = Ticket(event.session_id, event.resume_token)
        elif isinstance(event, SessionUpdated):
            self.session = event.session
            self._told(next(iter(self._answers), ""), None)
        elif isinstance(event, Refusal):
            self._told(event.caused_by or "", refused(event))
        elif isinstance(event, MediaPiece):
            self.player.feed(event.response_id, event.start_ms, event.duration_ms)
            self._media_came.set()
        elif isinstance(event, AnswerDone):
            self.player.finish(event.response_id)
            self._made.append(event.response_id)
            self._media_came.set()
            await self._truncate(event.response_id)
        elif isinstance(event, SpeechStarted) and self._interrupts():
            await self._fall_silent()

    def _told(self, event_id: str, error: AvatarError | None) -> None:
        told = self._answers.pop(event_id, None)
        if told is None or told.done():
            return
        if error is None:
            told.set_result(None)
        else:
            told.set_exception(error)

    def _interrupts(self) -> bool:
        detection = self.session.get("audio", {}).get("input", {}).get("turn_detection") or {}
        return bool(detection.get("interrupt_response", True))

    async def _fall_silent(self) -> None:
        """The server has stopped by itself, and guesses what was heard; here it is known."""
        for position in self.player.stop():
            await self._tell(position)
            self._cut[position.response_id] = position.played_ms
            if position.response_id in self._made:
                await self._truncate(position.response_id)

    async def _truncate(self, response_id: str) -> None:
        """The conversation keeps what was heard of an answer. Only once the server has stopped making it."""
        played_ms, item_id = self._cut.pop(response_id, None), self._reader.items.get(response_id)
        if played_ms is not None and item_id is not None:
            await self.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=played_ms)

    async def _tell(self, position: Position) -> None:
        await self.send(
            "avatar.playback",
            response_id=position.response_id,
            played_ms=position.played_ms,
            stalled=position.stalled,
        )

    async def _report(self) -> None:
        while True:
            await self._media_came.wait()
            self._media_came.clear()
            while positions := self.player.positions():
                for position in positions:
                    await self._tell(position)
                if not all(position.over for position in positions):
                    remaining = self.player.remaining_seconds()
                    await asyncio.sleep(min(REPORT_SECONDS, remaining + 0.005) if remaining > 0 else REPORT_SECONDS)
