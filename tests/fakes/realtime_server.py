"""The realtime protocol as far as a client needs it to be tried: a server that says what its script says."""

import asyncio
import base64
import contextlib
import json
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

SESSION: dict[str, Any] = {
    "id": "sess_1",
    "type": "realtime",
    "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24_000}, "turn_detection": {"type": "server_vad"}}},
    "avatar": {"resume_token": "secret", "resumed": False},
}


@dataclass
class FakeRealtimeServer:
    """Answers each response.create with `pieces` of 200 ms, `pace` seconds apart. `received` is all that came.

    `refusal` (code, message, close code) is told to whoever connects. `after` is sent once a session is there.
    """

    pieces: int = 3
    pace: float = 0.0
    refusal: tuple[str, str, int] | None = None
    after: list[dict[str, Any]] = field(default_factory=list)
    received: list[dict[str, Any] | bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    connections: list[ServerConnection] = field(default_factory=list)
    _answers: int = 0
    _answer: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Its address."""
        async with serve(self._serve, "127.0.0.1", 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield f"http://127.0.0.1:{port}"

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The JSON events of a kind that came."""
        return [event for event in self.received if isinstance(event, dict) and event["type"] == kind]

    @property
    def sound(self) -> bytes:
        """All binary messages that came, joined."""
        return b"".join(event for event in self.received if isinstance(event, bytes))

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        self.headers.append(dict(socket.request.headers))
        self.connections.append(socket)
        if self.refusal is not None:
            code, message, close_code = self.refusal
            await _send(socket, "error", error={"type": "invalid_request_error", "code": code, "message": message})
            await socket.close(close_code)
            return
        resumed = "resume_token" in socket.request.path
        await _send(socket, "session.created", session={**SESSION, "avatar": {**SESSION["avatar"], "resumed": resumed}})
        for event in self.after:
            await _send(socket, **event)
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                await self._hear(socket, message)
        if self._answer is not None:
            self._answer.cancel()

    async def _hear(self, socket: ServerConnection, message: str | bytes) -> None:
        event = message if isinstance(message, bytes) else json.loads(message)
        self.received.append(event)
        if isinstance(event, bytes):
            return
        if event["type"] == "session.update":
            if event["session"].get("instructions") == "wrong":
                error = {"type": "invalid_request_error", "code": "invalid_field", "message": "No."}
                await _send(socket, "error", error={**error, "event_id": event["event_id"]})
                return
            audio = event["session"].get("audio", {}).get("input", {})
            await _send(socket, "session.updated", session={**SESSION, "audio": {"input": audio}})
        if event["type"] == "response.create":
            self._answers += 1
            self._answer = asyncio.create_task(self._speak(socket, self._answers))
        if event["type"] == "output_audio_buffer.clear" and self._answer is not None:
            self._answer.cancel()

    async def _speak(self, socket: ServerConnection, number: int) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._answer_to(socket, number)

    async def _answer_to(self, socket: ServerConnection, number: int) -> None:
        id, item = f"resp_{number}", f"item_{number}"
        face = {"number": number, "start_seconds": 0.0, "media_type": "video/mp4"}
        await _send(socket, "response.created", response={"id": id, "avatar": face})
        await _send(socket, "response.output_item.added", response_id=id, item={"id": item})
        done: dict[str, Any] = {"status": "completed"}
        try:
            for piece in range(self.pieces):
                await asyncio.sleep(self.pace if piece else 0)
                await _send(socket, "response.output_audio_transcript.delta", response_id=id, delta="word ", start_ms=0)
                await socket.send(struct.pack(">4sIII", b"AVM1", number, 200 * piece, 200) + b"mp4")
        except asyncio.CancelledError:
            done = {"status": "cancelled", "status_details": {"type": "cancelled", "reason": "client_cancelled"}}
        seconds = {"media_seconds": 0.2 * self.pieces, "filled_seconds": 0.0, "timings": {"total": 1.0}}
        await _send(socket, "response.done", response={"id": id, **done, "avatar": seconds})

    async def tell(self, kind: str, **fields: Any) -> None:
        """To whoever connected last."""
        await _send(self.connections[-1], kind, **fields)

    async def tell_sound(self, pcm16: bytes, response_id: str) -> None:
        await self.tell("response.output_audio.delta", response_id=response_id, delta=base64.b64encode(pcm16).decode())


async def _send(socket: ServerConnection, type: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": type, "event_id": "event_1", **fields}))
