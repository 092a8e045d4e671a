"""A client of the realtime socket for tests: a real server on the test's own loop, and everything that it says."""

import asyncio
import base64
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from deployments.contracts import Float32
from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.contracts import Coordination
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.realtime.settings import RealtimeSettings
from serve_app.stages import Stages
from tests.door.live import served_here

RATE_HZ = 24_000
Event = dict[str, Any]


class LoudActivity:
    """Whatever is loud is speech. Implements VoiceActivity."""

    def probability(self, window: Float32) -> float:
        return 0.95 if float(np.abs(window).max()) > 0.05 else 0.02

    def fresh(self) -> "LoudActivity":
        return LoudActivity()


def loud(seconds: float, rate_hz: int = RATE_HZ) -> bytes:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.4 * 32767 * np.sin(2 * np.pi * 300 * times)).astype("<i2").tobytes()


def quiet(seconds: float, rate_hz: int = RATE_HZ) -> bytes:
    return bytes(2 * round(seconds * rate_hz))


@contextlib.asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The socket's address on a real server, on the test's own loop."""
    async with served_here(app, timeout_graceful_shutdown=1) as url:
        yield f"{url.replace('http', 'ws', 1)}/v1/realtime"


@dataclass
class Line:
    """One connection. `events` is all that came, in order; a binary message as {"type": "binary", ...}."""

    socket: ClientConnection
    events: list[Event] = field(default_factory=list)
    closed: tuple[int, str] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _read: int = 0

    async def listen(self) -> None:
        try:
            async for message in self.socket:
                self.events.append(json.loads(message) if isinstance(message, str) else _binary(message))
                self._news.set()
            raise AssertionError("never")
        except AssertionError:
            self.closed = (self.socket.close_code or 0, self.socket.close_reason or "")
        except ConnectionClosed as error:
            self.closed = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
        self._news.set()

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def say(self, *sounds: bytes, base64_: bool = False) -> None:
        """Sound, in messages of a tenth of a second, faster than life."""
        data = b"".join(sounds)
        for start in range(0, len(data), 4800):
            piece = data[start : start + 4800]
            if base64_:
                await self.send("input_audio_buffer.append", audio=base64.b64encode(piece).decode())
            else:
                await self.socket.send(piece)

    async def until(self, kind: str, where: Callable[[Event], bool] = lambda event: True, seconds: float = 8) -> Event:
        """The next event of a kind, beyond what was waited for before."""
        async with asyncio.timeout(seconds):
            while True:
                while self._read < len(self.events):
                    event = self.events[self._read]
                    self._read += 1
                    if event["type"] == kind and where(event):
                        return event
                if self.closed:
                    raise AssertionError(f"closed {self.closed} before {kind}; last: {self.kinds()[-8:]}")
                self._news.clear()
                await self._news.wait()

    async def heard_out(self) -> None:
        """Reports that the last response was played to its end."""
        done = await self.until("response.done")
        played_ms = round(1000 * done["response"]["avatar"]["media_seconds"])
        await self.send("avatar.playback", response_id=done["response"]["id"], played_ms=played_ms)

    async def end(self, seconds: float = 8) -> tuple[int, str]:
        """How the server closed."""
        async with asyncio.timeout(seconds):
            while self.closed is None:
                self._news.clear()
                await self._news.wait()
        return self.closed

    def kinds(self) -> list[str]:
        return [event["type"] for event in self.events]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    def films(self) -> dict[int, bytes]:
        """All MP4 bytes by response number, however they came."""
        numbers = {
            event["response"]["id"]: event["response"]["avatar"]["number"] for event in self.of("response.created")
        }
        films: dict[int, bytes] = {}
        for event in self.events:
            if event["type"] == "binary":
                films[event["number"]] = films.get(event["number"], b"") + event["data"]
            elif event["type"] == "response.output_video.delta":
                number = numbers[event["response_id"]]
                films[number] = films.get(number, b"") + base64.b64decode(event["delta"])
        return films

    def sound(self) -> bytes:
        return b"".join(base64.b64decode(event["delta"]) for event in self.of("response.output_audio.delta"))


def _binary(message: bytes) -> Event:
    magic, number, start_ms, duration_ms = struct.unpack(">4sIII", message[:16])
    assert magic == b"AVM1"
    return {"type": "binary", "number": number, "start_ms": start_ms, "duration_ms": duration_ms, "data": message[16:]}


@contextlib.asynccontextmanager
async def line(
    url: str, session: dict[str, Any] | None = None, greeted: bool = True, **kwargs: Any
) -> AsyncIterator[Line]:
    """Connected, greeted, and set as `session` says. Hangs up at the end without a word."""
    async with connect(url, max_size=2**24, compression=None, **kwargs) as socket:
        talk = Line(socket)
        listening = asyncio.create_task(talk.listen())
        try:
            if greeted:
                await talk.until("session.created")
            if session is not None:
                await talk.send("session.update", session=session)
                await talk.until("session.updated")
            yield talk
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            socket.transport.abort()


def realtime_app(
    stages: Stages,
    folder: Path,
    realtime: RealtimeSettings | None = None,
    people: int = 4,
    gateway: GatewaySettings | None = None,
    coordination: Coordination | None = None,
    **coordinator: Any,
) -> Starlette:
    """The doors over fakes. Whatever is loud is speech, wherever `loud_ears` is in force."""
    return create_app(
        stages,
        Store(folder / "store"),
        gateway or GatewaySettings(prepare_idle=False),
        ConversationSettings(),
        coordination=coordination,
        coordinator=CoordinatorSettings(max_people=people, **coordinator),
        realtime=realtime,
    )


@pytest.fixture
def loud_ears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve_app.gateway.realtime_door.load_activity", LoudActivity)


VIDEO = {"type": "realtime", "avatar": {"video": True}}
BINARY = {"type": "realtime", "avatar": {"video": True, "binary": True}}
WRITTEN = {"type": "realtime", "output_modalities": ["text"]}
PUSH_TO_TALK = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
QUESTION = loud(1.2) + quiet(0.8)
"""A turn as the ear hears it: a second of speech, and silence enough to end it."""
