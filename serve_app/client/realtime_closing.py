"""How a realtime conversation ends, and what is refused in it, as typed errors."""

import json

from websockets.exceptions import ConnectionClosed

from deployments.errors import AvatarError
from serve_app.client.failures import failure_of
from serve_app.client.realtime_events import Refusal

NORMAL_CLOSE = 1000
_RESUMABLE = (1001, 1006, 1011, 1012, 4408, 4410)


class SessionClosed(AvatarError):
    """The server ended the conversation, or the line broke (1006). `close_code` is the socket's; where `resumable`,
    connecting again with the conversation's ticket goes on with it."""

    code = "session_closed"
    status = 503

    def __init__(self, message: str, close_code: int) -> None:
        super().__init__(message)
        self.args = (message, close_code)
        self.close_code = close_code

    @property
    def resumable(self) -> bool:
        return self.close_code in _RESUMABLE


def refused(refusal: Refusal) -> AvatarError:
    wait = refusal.retry_after_seconds
    headers = {} if wait is None else {"retry-after": str(wait)}
    return failure_of(0, json.dumps({"error": {"code": refusal.code, "message": refusal.message}}), headers)


def closed(error: ConnectionClosed) -> SessionClosed:
    code = error.rcvd.code if error.rcvd else 1006
    said = error.rcvd.reason if error.rcvd else ""
    return SessionClosed(f"The conversation was closed: {said or 'the connection is lost'} ({code}).", code)
