"""The doors over fakes behind a real socket, in a thread: for clients that block."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette


@contextlib.contextmanager
def served_in_thread(app: Starlette, **options: Any) -> Iterator[str]:
    """The address of the server, which stops at the end of the block. `options` are uvicorn's."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", **options))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http{'s' if 'ssl_certfile' in options else ''}://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
