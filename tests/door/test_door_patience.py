"""A client that takes nothing is let go of, though the server below would wait for it for ever."""

import asyncio
import os
import socket
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import connect

from serve_app.cli.server import environment
from serve_app.patience import PROXY_CALLBACK, PROXY_VARIABLE, Patience, proxy_middlewares
from tests.door.live import served_here


class Flood:
    """An application that sends ten megabytes at once, and listens meanwhile, as Serve's proxy does."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.over = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        listening = asyncio.create_task(self._listen(receive))
        try:
            for _ in range(200):
                await send({"type": "websocket.send", "bytes": bytes(50_000)})
            await listening
            self.over.set()
        finally:
            listening.cancel()

    async def _listen(self, receive: Receive) -> None:
        while not self.heard or self.heard[-1]["type"] != "websocket.disconnect":
            self.heard.append(await receive())


@pytest.mark.parametrize("patient", [True, False])
async def test_who_takes_nothing_is_cut_off(patient: bool) -> None:
    flood = Flood()
    pings = {"ws_ping_interval": 0.2, "ws_ping_timeout": 0.2}
    async with served_here(Patience(flood, 1.0 if patient else 60.0), lifespan="off", **pings) as url:  # type: ignore[arg-type]
        address = url.removeprefix("http://").split(":")
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect((address[0], int(address[1])))
            line.setblocking(False)
            async with connect(url.replace("http", "ws"), sock=line, compression=None, ping_interval=None) as client:
                client.transport.pause_reading()
                await client.send("Hello.")
                await asyncio.sleep(3)
                assert flood.over.is_set() == patient, "pings alone do not tell the application"
                client.transport.abort()
    if patient:
        first, last = flood.heard
        assert first["text"] == "Hello." and last == {"type": "websocket.disconnect", "code": 1006}


async def test_who_takes_what_comes_gets_it_all() -> None:
    flood = Flood()
    async with served_here(Patience(flood, 0.5), lifespan="off") as url:  # type: ignore[arg-type]
        async with connect(url.replace("http", "ws"), compression=None) as client:
            for _ in range(200):
                assert len(await client.recv()) == 50_000
                await asyncio.sleep(0.005)
        async with asyncio.timeout(5):
            await flood.over.wait()
    assert flood.heard[-1]["code"] == 1000


def test_the_proxy_that_we_start_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROXY_VARIABLE, raising=False)
    assert environment(Path("/tmp/short"))[PROXY_VARIABLE] == PROXY_CALLBACK
    monkeypatch.setitem(os.environ, PROXY_VARIABLE, "another:one")
    assert environment(Path("/tmp/short"))[PROXY_VARIABLE] == "another:one"
    module, _, name = PROXY_CALLBACK.partition(":")
    assert (module, name) == (proxy_middlewares.__module__, proxy_middlewares.__name__)
    (only,) = proxy_middlewares()
    assert str(only).startswith("Middleware(Patience")
