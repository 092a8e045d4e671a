"""What a turn was and where its time went: the last box of every MP4 that a door sends, and the last streamed event.

Its presence says that the stream is complete: a turn that fails after its answer began ends without one.
"""

import json
import uuid
from dataclasses import asdict, dataclass, field

from serve_app.media.boxes import box, read_boxes

REPORT_UUID = uuid.UUID("6f1a2a52-9d5e-4c51-8a35-0f6a5d1f7c20").bytes
"""The extended type of our box (ISO/IEC 14496-12 §4.2). Players skip boxes that they do not know."""


@dataclass(frozen=True, slots=True)
class TurnReport:
    """`transcript` is what was heard, "" for text. `timings` in seconds, by the names of `serve_app.timings`.

    `filled_seconds` of the media are silence that the speech did not ask for.
    """

    turn_id: str
    transcript: str
    reply: str
    language: str
    media_seconds: float
    filled_seconds: float
    timings: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    def as_box(self) -> bytes:
        """A top-level uuid box that holds the report as JSON."""
        return box(b"uuid", REPORT_UUID, json.dumps(self.as_json(), ensure_ascii=False).encode())


def report_in(data: bytes) -> TurnReport | None:
    """The report of an MP4, whole or fragmented; None where it has none: the stream broke off, or is not ours."""
    for kind, payload in read_boxes(data):
        if kind == b"uuid" and payload.startswith(REPORT_UUID):
            return TurnReport(**json.loads(payload[len(REPORT_UUID) :]))
    return None
