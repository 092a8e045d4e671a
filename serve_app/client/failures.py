"""A server's error answers, as the typed errors that they were before they travelled."""

import json
from collections.abc import Mapping
from typing import Any

from deployments import errors
from deployments.errors import AtCapacity, AvatarError, BadInput, EngineFailed, RateLimited, Unsupported

_KINDS: dict[str, type[AvatarError]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AvatarError)
}
_KINDS |= {"invalid_field": BadInput, "not_acceptable": Unsupported}


class Refused(AvatarError):
    """An answer of a kind that this client does not know: its own `code` and `status` are the server's."""

    def __init__(self, message: str, code: str, status: int) -> None:
        super().__init__(message)
        self.args = (message, code, status)
        self.code = code
        self.status = status


class Unreachable(AvatarError):
    """Nothing answers at the address."""

    code = "unreachable"
    status = 503


def failure_of(status: int, body: bytes | str, headers: Mapping[str, str]) -> AvatarError:
    """The error that an answer's status and body tell of, with its request id as a note."""
    try:
        error = json.loads(body)["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        text = body.decode(errors="replace") if isinstance(body, bytes) else body
        return Refused(f"The server answered {status}: {text[:200].strip() or 'nothing more'}", "unknown", status)
    failure = _made(code, message, status, headers)
    failure.add_note(f"request {error.get('request_id', 'unknown')}")
    return failure


def failure_from(error: Mapping[str, Any]) -> AvatarError:
    """The error that an object's own `error` field tells of."""
    return _made(str(error["code"]), str(error["message"]), 500, {})


def _made(code: str, message: str, status: int, headers: Mapping[str, str]) -> AvatarError:
    kind = _KINDS.get(code)
    if kind is AtCapacity or kind is RateLimited:
        wait = headers.get("retry-after", "")
        return kind(message, int(wait) if wait.isdigit() else 2)
    return kind(message) if kind else Refused(message, code, status)


def broken_off() -> EngineFailed:
    """A stream that ended before its last event or box."""
    return EngineFailed("The answer broke off before its end. Ask again; the server's log knows why.")
