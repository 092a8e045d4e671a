"""The ways of being slow, each with the ends that the documents leave to it: docs/realtime.md and docs/http.md."""

import asyncio
import json
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from benchmarks.soak.broken_media import hum, wav
from benchmarks.soak.raw_http import RawRequest, exchange
from serve_app.client.realtime_asking import Talking, said_item, session_of, socket_url

QUESTION = "Tell me about the sea, and about those who live by it."
_LITTLE_BUFFER_BYTES = 4096
_BUSY = ("closed 1012", "closed 1013", "answer failed: at_capacity", "answer failed: coordinator_away")
"""The house is full, or has just been restarted: no fault of anybody."""
_STALLED = "closed 4410"
_GONE = ("closed 1006", "closed 1011")
"""How a line may end that nobody listens to: its pings are not answered."""
_HALF_MESSAGE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """The server's own, in seconds: `realtime.stall_seconds`, `realtime.pause_seconds`, `gateway.body_timeout_seconds`;
    `ping_seconds`: a client that answers no ping is let go after it. `read_seconds`: the longest pause of who reads
    slowly; `unread_seconds`: so long about is nothing read by who does not read. `answer_seconds`: an answer may take
    so long, and so much longer may any of this take."""

    stall_seconds: float = 10.0
    pause_seconds: float = 60.0
    body_seconds: float = 60.0
    ping_seconds: float = 40.0
    read_seconds: float = 2.0
    unread_seconds: float = 45.0
    answer_seconds: float = 180.0


@dataclass(frozen=True, slots=True)
class Way:
    """`go` says how it ended: one of `endings`, or else something is wrong. `patience`: the seconds it may take."""

    weight: int
    go: Callable[[str, random.Random, Limits], Awaitable[str]]
    endings: tuple[str, ...]
    patience: Callable[[Limits], float]


@asynccontextmanager
async def _line(url: str, buffer_bytes: int = 0) -> AsyncIterator[ClientConnection]:
    """A conversation with video that has been asked a question. `buffer_bytes`: of what comes in, so much at most
    waits in the kernel. It is aborted at the end."""
    address, line = urlsplit(url), socket.socket()
    if buffer_bytes:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    line.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(line, (address.hostname, address.port))
    except BaseException:
        line.close()
        raise
    async with connect(socket_url(url, None), sock=line, compression=None, ping_interval=None, max_size=None) as talk:
        try:
            session = session_of(Talking(video=True, language="en"))
            session["avatar"]["binary"] = False
            await talk.send(json.dumps({"type": "session.update", "session": session}))
            await _until(talk, "session.updated")
            await _ask(talk)
            yield talk
        finally:
            talk.transport.abort()


async def _ask(talk: ClientConnection) -> None:
    await talk.send(json.dumps(said_item(QUESTION)))
    await talk.send(json.dumps({"type": "response.create"}))


async def _until(talk: ClientConnection, *kinds: str) -> dict[str, Any]:
    """The next event of one of these kinds. Raises ConnectionClosed."""
    while True:
        event: dict[str, Any] = json.loads(await talk.recv())
        if event["type"] in kinds:
            return event


def _ending(done: dict[str, Any]) -> str:
    """Of a response.done."""
    response = done["response"]
    error = (response.get("status_details") or {}).get("error") or {}
    return "answered" if response["status"] in ("completed", "incomplete") else f"answer failed: {error.get('code')}"


async def dawdle(url: str, chance: random.Random, limits: Limits) -> str:
    """Reads with long pauses, as over a bad line, for about as long as an answer lasts; then the rest at once."""
    loop = asyncio.get_running_loop()
    async with _line(url) as talk:
        until = loop.time() + limits.unread_seconds
        while True:
            if loop.time() < until:
                await asyncio.sleep(chance.uniform(limits.read_seconds / 4, limits.read_seconds))
            event = json.loads(await talk.recv())
            if event["type"] == "response.done":
                return _ending(event)


async def take_nothing(url: str, chance: random.Random, limits: Limits) -> str:
    """Asks again and again and reads nothing: all buffers fill. Then looks what has become of the line."""
    loop = asyncio.get_running_loop()
    async with _line(url, _LITTLE_BUFFER_BYTES) as talk:
        talk.transport.pause_reading()
        until = loop.time() + limits.unread_seconds * chance.uniform(0.5, 1.5)
        while loop.time() < until:
            await asyncio.sleep(min(8.0, until - loop.time()))
            await _ask(talk)
        talk.transport.resume_reading()
        return _ending(await _until(talk, "response.done"))


async def stand_still(url: str, chance: random.Random, limits: Limits) -> str:
    """Listens to everything, and says twice a second that playback stands still at its begin."""
    async with _line(url) as talk:
        event = await _until(talk, "response.output_video.delta", "response.done")
        if event["type"] == "response.done":
            return _ending(event)
        report = {"type": "avatar.playback", "response_id": event["response_id"], "played_ms": 0, "stalled": True}
        reading = asyncio.create_task(_until(talk, "nothing"))
        try:
            while not reading.done():
                await talk.send(json.dumps(report))
                await asyncio.sleep(min(0.5, limits.stall_seconds / 4))
            return str(await reading)  # raises how it was closed
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def fall_silent(url: str, chance: random.Random, limits: Limits) -> str:
    """Plays the begin of an answer, says so once, and is never heard of again, though the line stands."""
    async with _line(url) as talk:
        event = await _until(talk, "response.output_video.delta", "response.done")
        if event["type"] == "response.done":
            return _ending(event)
        report = {"type": "avatar.playback", "response_id": event["response_id"], "played_ms": 0, "stalled": False}
        await talk.send(json.dumps(report))
        while True:  # of an answer that failed there may be nothing left to play: then silence is no fault
            done = await _until(talk, "response.done")
            if done["response"]["status"] == "failed":
                return _ending(done)


async def half_a_message(url: str, chance: random.Random, limits: Limits) -> str:
    """Announces a large text message (RFC 6455 §5.2: masked, 64 bits of length), and sends a thousandth of it."""
    async with _line(url) as talk:
        talk.transport.write(struct.pack(">BBQI", 0x81, 0xFF, _HALF_MESSAGE_BYTES, 0) + b"a" * 1000)
        return str(await _until(talk, "nothing"))


async def half_a_body(url: str, chance: random.Random, limits: Limits) -> str:
    """Sends half of a recording over HTTP, and keeps the line open."""
    body = wav(hum(2.0))
    request = RawRequest("POST", "/transcribe", "audio/wav", body[: len(body) // 2], announced=len(body))
    answer = await exchange(url, request, limits.body_seconds + limits.answer_seconds)
    return str(answer) if answer else "closed without an answer"


async def vanish(url: str, chance: random.Random, limits: Limits) -> str:
    """Is gone without a word, before or in the middle of an answer."""
    async with _line(url) as talk:
        try:
            async with asyncio.timeout(chance.uniform(0, 2 * limits.read_seconds)):
                await _until(talk, "response.done")
        except (TimeoutError, ConnectionClosed):
            return "gone"
        return "gone"


WAYS: dict[str, Way] = {
    "dawdles": Way(
        4, dawdle, ("answered", _STALLED, *_GONE, *_BUSY), lambda own: own.unread_seconds + own.answer_seconds
    ),
    "takes nothing": Way(
        2,
        take_nothing,
        ("answered", _STALLED, *_GONE, *_BUSY),
        lambda own: 1.5 * own.unread_seconds + own.ping_seconds + own.answer_seconds,
    ),
    "stands still": Way(1, stand_still, (_STALLED, *_BUSY), lambda own: own.pause_seconds + own.answer_seconds),
    "falls silent": Way(2, fall_silent, (_STALLED, *_BUSY), lambda own: own.stall_seconds + own.answer_seconds),
    "half a message": Way(2, half_a_message, (*_GONE, *_BUSY), lambda own: 2 * own.ping_seconds),
    "half a body": Way(
        2, half_a_body, ("504 timed_out", "503 at_capacity", "503 coordinator_away"), lambda own: own.body_seconds + 30
    ),
    "vanishes": Way(4, vanish, ("gone", *_BUSY), lambda own: own.answer_seconds),
}
"""By name."""
