"""The typed errors of the whole system. The gateway maps each to one HTTP status and one socket event.

Every error says what happened and what to do about it, in words for the person who caused it. They
survive pickling (they cross process boundaries in Ray) because `args` holds exactly what `__init__` takes.
"""


class AvatarError(Exception):
    """Base of all errors that a caller may see.

    `code` is the stable machine-readable name, `status` the HTTP status it maps to.
    """

    code = "internal_error"
    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadInput(AvatarError):
    """The request cannot be understood: undecodable audio, no face, an empty text, malformed JSON."""

    code = "bad_input"
    status = 400


class InvalidField(BadInput):
    """A field is missing, unknown or out of its range. `field` names it."""

    code = "invalid_field"
    status = 422

    def __init__(self, message: str, field: str) -> None:
        super().__init__(message)
        self.args = (message, field)
        self.field = field


class NotFound(AvatarError):
    """A named avatar, voice or weight set does not exist."""

    code = "not_found"
    status = 404


class TooLarge(AvatarError):
    """Over a limit on bytes, pixels, seconds or characters."""

    code = "too_large"
    status = 413


class Unsupported(AvatarError):
    """Understood but not offered: a language, a media type, an operation."""

    code = "unsupported"
    status = 415


class NotReady(AvatarError):
    """What is asked for will exist later, or would have, had it not failed."""

    code = "not_ready"
    status = 409


class AtCapacity(AvatarError):
    """No room now. `retry_after_seconds` is an honest estimate for the `Retry-After` header; `position`, where it is
    known, is the one that the caller would have in the queue, 1 for the next to be let in."""

    code = "at_capacity"
    status = 503

    def __init__(self, message: str, retry_after_seconds: int = 2, position: int | None = None) -> None:
        super().__init__(message)
        self.args = (message, retry_after_seconds, position)
        self.retry_after_seconds = retry_after_seconds
        self.position = position


class CoordinatorAway(AtCapacity):
    """The Coordinator does not answer: it restarts, or was never there. Turns go on without it; sessions cannot be
    resumed and jobs not ordered until it is back."""

    code = "coordinator_away"


class RateLimited(AvatarError):
    """The limits of this API key are reached. `retry_after_seconds` as in AtCapacity."""

    code = "rate_limited"
    status = 429

    def __init__(self, message: str, retry_after_seconds: int = 2) -> None:
        super().__init__(message)
        self.args = (message, retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds


class WeightsMissing(AvatarError):
    """A model file is absent, or not the one its sha256 promises; the message names the remedy."""

    code = "weights_missing"
    status = 503


class EngineUnusable(AvatarError):
    """A compiled engine is absent, corrupt, stale or made for another card or library, or this machine's card or
    driver cannot run it; the message names the remedy."""

    code = "engine_unusable"
    status = 503


class EngineFailed(AvatarError):
    """An engine raised, or its replica died, and the one retry failed too."""

    code = "engine_failed"
    status = 502


class TimedOut(AvatarError):
    """A stage gave no answer in its time."""

    code = "timed_out"
    status = 504


class Cancelled(AvatarError):
    """The work was withdrawn before it finished. 499 is the status a hung-up client is logged with (nginx)."""

    code = "cancelled"
    status = 499
