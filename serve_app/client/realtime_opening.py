"""Opens a realtime conversation."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI

from deployments.errors import TimedOut
from serve_app.client.connection import CONNECT_SECONDS, socket_trust, untrusted
from serve_app.client.failures import Unreachable, failure_of
from serve_app.client.realtime import RealtimeConversation
from serve_app.client.realtime_asking import Talking, Ticket, socket_url
from serve_app.client.realtime_player import VirtualPlayer

_LARGEST_MESSAGE_BYTES = 16 * 2**20


@asynccontextmanager
async def conversation(
    base_url: str,
    authorization: str | None,
    verify: bool | str | Path,
    ticket: Ticket | None,
    player: VirtualPlayer | None,
    talking: Talking,
) -> AsyncIterator[RealtimeConversation]:
    """Opens the socket, and closes it at the end of the block. Raises as `AsyncAvatarClient.realtime`."""
    headers = {"Authorization": authorization} if authorization else None
    try:
        socket = await connect(
            socket_url(base_url, ticket),
            additional_headers=headers,
            compression=None,
            max_size=_LARGEST_MESSAGE_BYTES,
            open_timeout=CONNECT_SECONDS,
            ssl=socket_trust(base_url, verify),
        )
    except InvalidStatus as error:
        answer = error.response
        raise failure_of(answer.status_code, bytes(answer.body or b""), dict(answer.headers)) from error
    except TimeoutError as error:
        raise TimedOut(f"No answer from {base_url} in time. Is it busy? See its /health.") from error
    except ssl.SSLCertVerificationError as error:
        raise untrusted(base_url, error) from error
    except (OSError, InvalidHandshake, InvalidURI) as error:
        raise Unreachable(f"Nothing answers at {base_url}. Start a server with: avatar serve") from error
    talk = RealtimeConversation(socket, player or VirtualPlayer())
    try:
        await talk.begin()
        if talking:
            await talk.update(**talking)
        yield talk
    finally:
        await talk.end()
