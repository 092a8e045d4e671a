"""Videos made as jobs: what they are, what is sent to order them, and how one waits for them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from deployments.errors import AvatarError, TimedOut
from serve_app.client.answers import Film, film_of, value_of
from serve_app.client.asking import Content, sound
from serve_app.client.failures import failure_from

OUTAGE_SECONDS = 60.0
"""How long a server may be away, as while it restarts, before waiting for a job gives up."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 2.0


class Ordered(TypedDict, total=False):
    """How a video sounds and looks: ISO 639-1 language, ids of voice and avatar, and the seed of all chance in it."""

    language: str | None
    voice: str | None
    avatar: str | None
    seed: int


@dataclass(frozen=True, slots=True)
class Job:
    """A video as the server keeps it. `status` is queued, in_progress, completed or failed; times are Unix seconds.

    `worker` is the replica that works on it or finished it; `durations` are seconds by stage: `queued` until it was
    begun, `people` while people were let by, `total` of work, `elapsed` from order to end.
    """

    id: str
    status: str
    created_at: int
    progress: int = 0
    completed_at: int | None = None
    expires_at: int | None = None
    prompt: str | None = None
    transcript: str | None = None
    language: str | None = None
    voice: str | None = None
    avatar: str | None = None
    seed: int = 0
    seconds: float = 0.0
    size: str | None = None
    worker: str | None = None
    attempts: int = 0
    durations: dict[str, float] = field(default_factory=dict)
    error: AvatarError | None = field(default=None, compare=False)

    @property
    def ended(self) -> bool:
        return self.status in ("completed", "failed")


@dataclass(frozen=True, slots=True)
class JobFilm(Film):
    """A whole MP4 and the job that made it."""

    job: Job


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job of many: its film, or the error that it ended in."""

    job: Job
    made: JobFilm | None = None
    error: AvatarError | None = None

    @property
    def film(self) -> JobFilm:
        """Raises the error where there is no film."""
        if self.made is None:
            raise self.error or TimedOut("There is no film.")
        return self.made


Told = Callable[[Job], None]
"""Hears of a job each time that it was asked about."""


def job_of(body: Mapping[str, Any]) -> Job:
    error = body.get("error")
    known = {**body, "seconds": float(body["seconds"]), "error": failure_from(error) if error else None}
    return value_of(Job, known)


def job_film(data: bytes, job: Job) -> JobFilm:
    """Raises EngineFailed where the file is not whole."""
    film = film_of(data)
    return JobFilm(film.data, film.report, job)


def id_of(job: Job | str) -> str:
    return job if isinstance(job, str) else job.id


def order(
    text: str | None,
    audio: Content | None,
    callback_url: str | None,
    idempotency_key: str | None,
    ordered: Ordered,
) -> dict[str, Any]:
    """A form for audio, JSON for text. Raises ValueError unless it is exactly one of them."""
    if (audio is None) == (text is None):
        raise ValueError("Give either a text to be spoken or audio to be answered.")
    fields = {name: value for name, value in {**ordered, "callback_url": callback_url}.items() if value is not None}
    headers = {"Idempotency-Key": idempotency_key} if idempotency_key is not None else {}
    if audio is not None:
        return {"headers": headers, "files": sound(audio), "data": {name: str(v) for name, v in fields.items()}}
    return {"headers": headers, "json": {"prompt": text, **fields}}


def refused(job_id: str, error: AvatarError) -> Outcome | None:
    """What became of a job of which the server does not want to know, as one that was deleted; None where the server
    is only away."""
    if error.status >= 500:
        return None
    return Outcome(Job(job_id, "failed", 0, error=error), error=error)


class Patience:
    """How long to wait until the next question, and when to give up."""

    def __init__(self, timeout_seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._deadline = None if timeout_seconds is None else clock() + timeout_seconds
        self._away_since: float | None = None
        self._pause = _FIRST_PAUSE_SECONDS

    def answered(self) -> None:
        self._away_since = None

    def away(self, error: AvatarError) -> None:
        """The server did not answer. Raises the error once that has lasted too long."""
        now = self._clock()
        self._away_since = self._away_since or now
        if now - self._away_since > OUTAGE_SECONDS:
            raise error

    def pause(self, waiting: int = 1) -> float:
        """Seconds to wait now, longer each time. Raises TimedOut when the time is over."""
        if self._deadline is not None and self._clock() >= self._deadline:
            raise TimedOut(f"{waiting} videos were not completed in time. They go on; ask again with their ids.")
        pause, self._pause = self._pause, min(1.3 * self._pause, _LONGEST_PAUSE_SECONDS)
        return pause if self._deadline is None else max(0.0, min(pause, self._deadline - self._clock()))
