"""What goes wrong on the socket: an event that is refused, and the reasons why a socket is closed."""

import logging
from enum import IntEnum

from deployments.errors import AvatarError, BadInput
from serve_app.error_types import error_type

logger = logging.getLogger("ray.serve")

UNEXPECTED = "Something failed inside. The server's log has the details under this session's id."


class CloseCode(IntEnum):
    """How a socket ends. RFC 6455 §7.4; 4000 to 4999 are ours, by the HTTP status that they resemble."""

    NORMAL = 1000
    TOO_BIG = 1009
    INTERNAL = 1011
    RESTART = 1012
    OVERLOAD = 1013
    NO_SESSION = 4404
    SESSION_LIMIT = 4408
    TAKEN_OVER = 4409
    STALLED = 4410


class InvalidEvent(BadInput):
    """A client event that is not done. `code` says why, `param` which part of it is meant."""

    def __init__(self, message: str, code: str = "invalid_event", param: str | None = None) -> None:
        super().__init__(message)
        self.args = (message, code, param)
        self.code = code
        self.param = param


class SessionEnd(Exception):
    """The session is over: the socket is closed with `code`, after the error event if there is one."""

    def __init__(self, code: CloseCode, error: AvatarError | None = None) -> None:
        super().__init__(code, error)
        self.code = code
        self.error = error


class HungUp(Exception):
    """The client is gone. `goodbye`: it said so (1000), and does not come back."""

    def __init__(self, goodbye: bool) -> None:
        super().__init__(goodbye)
        self.goodbye = goodbye


class Restarting(AvatarError):
    """This gateway is about to be replaced."""

    code = "server_restart"
    status = 503

    def __init__(self, message: str = "The server restarts. Connect again with the resume token.") -> None:
        super().__init__(message)


class SessionExpired(AvatarError):
    """The connection has lasted as long as one may."""

    code = "session_expired"
    status = 408


class TakenOver(AvatarError):
    """The session goes on over another connection."""

    code = "session_taken_over"
    status = 409


class Stalled(AvatarError):
    """The client takes nothing, plays nothing, says nothing."""

    code = "stalled"
    status = 408


def error_body(error: BaseException, session_id: str, event_id: str | None = None) -> dict[str, object]:
    """An error as OpenAI's Realtime protocol tells it. One that nobody foresaw is logged, and told in general words."""
    if not isinstance(error, AvatarError):
        logger.error("session %s failed", session_id, exc_info=error)
        error = AvatarError(UNEXPECTED)
    body: dict[str, object] = {
        "type": error_type(error.status),
        "code": error.code,
        "message": error.message,
        "param": getattr(error, "param", None) or getattr(error, "field", None),
        "event_id": event_id,
    }
    seconds = getattr(error, "retry_after_seconds", None)
    if seconds is not None:
        body["retry_after_seconds"] = seconds
    return body
