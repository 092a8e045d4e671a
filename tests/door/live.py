"""The doors over fakes behind a real socket."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette


@contextlib.contextmanager
def served_in_thread(app: Starlette, **options: Any) -> Iterator[str]:
    """The address of a server in a thread, for clients that block. `options` are uvicorn's."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http{'s' if 'ssl_certfile' in options else ''}://127.0.0.1:{_port(server)}"
    finally:
        server.should_exit = True
        thread.join(10)


@contextlib.asynccontextmanager
async def served_here(app: Starlette, **options: Any) -> AsyncIterator[str]:
    """The address of a server on the test's own loop. `options` are uvicorn's."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", **options))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{_port(server)}"
    finally:
        server.should_exit = True
        await task


def _port(server: uvicorn.Server) -> int:
    return int(server.servers[0].sockets[0].getsockname()[1])
