"""HTTP by hand: requests as no decent client sends them, and what the server says to them."""

import asyncio
import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from serve_app.error_types import error_type

_PIECE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class RawRequest:
    """`announced`: the Content-Length, where it is not that of the body. `chunked`: without one. `hangs_up`: the line
    is cut once the body is sent, without waiting for an answer; otherwise it stays open, whatever is missing."""

    method: str
    path: str
    content_type: str = ""
    body: bytes = b""
    announced: int | None = None
    chunked: bool = False
    hangs_up: bool = False

    def head(self, host: str) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}", "Connection: close", "Accept: */*"]
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}")
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self.body or self.announced is not None:
            lines.append(f"Content-Length: {len(self.body) if self.announced is None else self.announced}")
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """`code` is that of a typed error, "" where there is none of the documented shape."""

    status: int
    code: str
    body: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip()


async def exchange(url: str, request: RawRequest, seconds: float) -> RawAnswer | None:
    """The answer; None where the client hung up, or the server closed without one. Raises TimeoutError, and OSError
    where nobody listens or the line breaks."""
    address, loop = urlsplit(url), asyncio.get_running_loop()
    # a bare socket: a stream whose writing fails would throw away what the server said before it closed
    with socket.socket() as line:
        line.setblocking(False)
        async with asyncio.timeout(seconds):
            await loop.sock_connect(line, (address.hostname, address.port))
            sending = asyncio.create_task(_send(line, request, address.netloc))
            try:
                if request.hangs_up:
                    await sending
                    return None
                return await _received(line)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)


async def _send(line: socket.socket, request: RawRequest, host: str) -> None:
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):  # a server may answer before it has read all, and close
        await loop.sock_sendall(line, request.head(host))
        for start in range(0, len(request.body), _PIECE_BYTES):
            piece = request.body[start : start + _PIECE_BYTES]
            await loop.sock_sendall(line, b"%x\r\n%s\r\n" % (len(piece), piece) if request.chunked else piece)
        if request.chunked:
            await loop.sock_sendall(line, b"0\r\n\r\n")


async def _received(line: socket.socket) -> RawAnswer | None:
    """Reads until the answer is whole, or else the server closes."""
    loop, data = asyncio.get_running_loop(), b""
    while True:
        try:
            piece = await loop.sock_recv(line, _PIECE_BYTES)
        except ConnectionError:
            if not data:
                raise
            piece = b""
        data += piece
        head, end_of_head, body = data.partition(b"\r\n\r\n")
        headers = _headers(head)
        length = headers.get("content-length", "")
        if end_of_head and length.isdigit() and len(body) >= int(length):
            return _answer(head, body)
        if not piece:
            return _answer(head, body) if end_of_head else None


def _headers(head: bytes) -> Mapping[str, str]:
    lines = [line.partition(":") for line in head.decode(errors="replace").split("\r\n")[1:]]
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _answer(head: bytes, body: bytes) -> RawAnswer:
    status = int(head.split(maxsplit=2)[1])
    return RawAnswer(status, typed_code(status, body), body)


def typed_code(status: int, body: bytes) -> str:
    """The code of an error in the documented shape, whose type has to be that of the status; else ""."""
    try:
        error = json.loads(body)["error"]
        named = {"message", "type", "param", "code", "request_id"} <= set(error)
        return str(error["code"]) if named and error["message"] and error["type"] == error_type(status) else ""
    except (ValueError, KeyError, TypeError):
        return ""
