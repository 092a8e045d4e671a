"""What the doors answer, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import httpx

from serve_app.client.failures import broken_off, failure_of
from serve_app.turn_report import TurnReport, report_in

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was heard. `words` are (text, start, end), `seconds` the audio's length; `timings` in seconds by stage."""

    text: str
    language: str
    words: tuple[tuple[str, float, float], ...]
    seconds: float
    timings: dict[str, float]


@dataclass(frozen=True, slots=True)
class Film:
    """A whole MP4 and what it says of its own making."""

    data: bytes
    report: TurnReport

    def save(self, path: Path | str) -> Path:
        """Writes the file, with its folders, and returns where it is."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.data)
        return target


@dataclass(frozen=True, slots=True)
class Avatar:
    """A face. `source` is built-in or upload; the times are ISO 8601 and only uploads have them."""

    id: str
    name: str
    source: str
    portrait: str
    created_at: str | None = None
    expires_at: str | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice. Built-in ones have a language, uploads the times (ISO 8601)."""

    id: str
    source: str
    name: str | None = None
    language: str | None = None
    created_at: str | None = None
    expires_at: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all stages and the coordinator work, and what is wrong with those that do not, by stage."""

    ok: bool
    troubles: dict[str, str] = field(default_factory=dict)


def value_of(kind: type[Value], body: Mapping[str, Any]) -> Value:
    """The dataclass `kind` from a JSON object; what a newer server adds is left out."""
    known = {entry.name for entry in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in body.items() if name in known})


def transcription_of(body: Mapping[str, Any]) -> Transcription:
    words = tuple((word["text"], word["start_seconds"], word["end_seconds"]) for word in body["words"])
    return Transcription(body["text"], body["language"], words, body["seconds"], body["timings"])


def film_of(data: bytes) -> Film:
    """Raises EngineFailed where the file has no report: it is not whole."""
    report = report_in(data)
    if report is None:
        raise broken_off()
    return Film(data, report)


def health_of(answer: httpx.Response) -> Health:
    """A stage that is down is an answer too. Raises the typed error of any other."""
    if answer.status_code not in (200, 503) or "stages" not in answer.text:
        raise failure_of(answer.status_code, answer.content, answer.headers)
    body = answer.json()
    parts: Mapping[str, Mapping[str, Any]] = body["stages"]
    if "coordinator" in body:
        parts = {**parts, "coordinator": body["coordinator"]}
    troubles = {name: str(part["detail"]) or "down" for name, part in parts.items() if not part["ok"]}
    return Health(body["status"] == "ok", troubles)
