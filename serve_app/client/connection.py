"""How the clients reach a server, and httpx's errors as ours."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from deployments.errors import TimedOut
from serve_app.client.failures import Unreachable, broken_off

CONNECT_SECONDS = 5.0


def default_url() -> str:
    """That of the environment's AVATAR_URL, else localhost."""
    return os.environ.get("AVATAR_URL") or "http://127.0.0.1:8000"


def connection(base_url: str, api_key: str | None, timeout_seconds: float) -> dict[str, Any]:
    """The arguments of an httpx client. The key is that of AVATAR_API_KEY where none is given."""
    key = api_key or os.environ.get("AVATAR_API_KEY")
    return {
        "base_url": base_url,
        "headers": {"Authorization": f"Bearer {key}"} if key else {},
        "timeout": httpx.Timeout(timeout_seconds, connect=CONNECT_SECONDS),
    }


@contextmanager
def translated(base_url: str) -> Iterator[None]:
    """Raises TimedOut, EngineFailed for an answer that broke off, and Unreachable."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise TimedOut(f"No answer from {base_url} in time. Is it busy? See its /health.") from error
    except httpx.RemoteProtocolError as error:
        raise broken_off() from error
    except httpx.TransportError as error:
        raise Unreachable(f"Nothing answers at {base_url}. Start a server with: avatar serve") from error
