"""Behind Serve's proxy, which reads ahead: a client that takes nothing is let go of all the same."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect

from serve_app.client.realtime_asking import said_item, socket_url
from serve_app.patience import STALL_SECONDS
from tests.serve.conftest import Cluster
from tests.serve.test_serve_load import CHANGES, census

WORK = "Session._read"
"""The name of a task that each open session has."""


@asynccontextmanager
async def little_window(url: str) -> AsyncIterator[ClientConnection]:
    """A conversation whose kernel takes four kilobytes."""
    address = urlsplit(url)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((address.hostname, address.port))
        line.setblocking(False)
        async with connect(socket_url(url, None), sock=line, compression=None, ping_interval=None) as talk:
            await talk.recv()
            yield talk
            talk.transport.abort()


async def asked_for_megabytes(talk: ClientConnection) -> None:
    """Five, at a pace at which they could well be sent."""
    await talk.send(json.dumps(said_item("x" * 4000) | {"item": said_item("x" * 4000)["item"] | {"id": "a"}}))
    for _ in range(1200):
        await talk.send(json.dumps({"type": "conversation.item.retrieve", "item_id": "a"}))
        await asyncio.sleep(0.005)


async def let_go_after_seconds(url: str) -> float:
    async with little_window(url) as talk:
        assert (await census()).get(WORK) == 1
        talk.transport.pause_reading()
        await asked_for_megabytes(talk)
        start = time.monotonic()
        # twice: a census may miss the gateway that it is about
        while (await census()).get(WORK) or (await census()).get(WORK):
            assert time.monotonic() - start < 4 * STALL_SECONDS, "the session is still there"
            await asyncio.sleep(0.5)
        return time.monotonic() - start


@pytest.mark.timeout(240)
def test_who_takes_nothing_is_let_go_of(cluster: Cluster) -> None:
    cluster.deploy(**CHANGES)
    cluster.wait_until_healthy()
    assert asyncio.run(let_go_after_seconds(cluster.url)) < 3 * STALL_SECONDS
