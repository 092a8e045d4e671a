"""What the realtime socket tells, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RealtimeEvent:
    """`received_at`: when it came in, by `time.perf_counter()`."""

    received_at: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionCreated(RealtimeEvent):
    """The conversation is open. `session` is the server's own description of it."""

    session_id: str
    resume_token: str
    resumed: bool
    session: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SessionUpdated(RealtimeEvent):
    session: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SpeechStarted(RealtimeEvent):
    """The person speaks. `at_ms`, here and below: on the clock of the audio that was sent."""

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped(RealtimeEvent):
    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class HeardPiece(RealtimeEvent):
    """The next words of the person that are certain, while they speak."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class HeardAll(RealtimeEvent):
    """All that the person said."""

    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ItemDone(RealtimeEvent):
    """A message of the conversation is complete; in a resumed session, one that was kept."""

    item_id: str
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Queued(RealtimeEvent):
    """All places are taken. `position` 1 is the next to be answered, `wait_seconds` an estimate."""

    position: int
    wait_seconds: float


@dataclass(frozen=True, slots=True)
class AnswerBegun(RealtimeEvent):
    """`number` and `start_seconds` place the answer's media on the session's timeline."""

    response_id: str
    number: int
    start_seconds: float


@dataclass(frozen=True, slots=True)
class Caption(RealtimeEvent):
    """A clause, or with text answers a piece of one; its sound begins at `start_ms` of the answer's media."""

    response_id: str
    text: str
    start_ms: int


@dataclass(frozen=True, slots=True)
class MediaPiece(RealtimeEvent):
    """The next media of an answer. With video: fragmented MP4, which begins with ftyp and moov; else PCM16.

    `response_id` is "" where the answer it belongs to was never announced.
    """

    response_id: str
    start_ms: int
    duration_ms: int
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class AnswerDone(RealtimeEvent):
    """`status`: completed, cancelled, failed or incomplete; `reason` says more: turn_detected, client_cancelled, or
    the error's code. `timings` in seconds, by the names of `serve_app.timings`."""

    response_id: str
    status: str
    reason: str
    message: str
    media_seconds: float
    filled_seconds: float
    timings: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal(RealtimeEvent):
    """Something that was sent cannot be done; the conversation goes on. `caused_by` is the client event's id,
    `param` the field that is wrong, `retry_after_seconds` when it may be tried again."""

    code: str
    message: str
    param: str | None
    caused_by: str | None
    retry_after_seconds: int | None


@dataclass(frozen=True, slots=True)
class Other(RealtimeEvent):
    """An event that has no value of its own here."""

    kind: str
    content: Mapping[str, Any]
