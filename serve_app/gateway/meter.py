"""What the gateway counts. The doors know this much of it; `metrics.py` tells Prometheus, tests look on."""

from collections.abc import Mapping
from typing import Protocol

from serve_app.events import Ended
from serve_app.jobs.meter import JobMeter


class Meter(JobMeter, Protocol):
    """All times in seconds."""

    def at_work(self, places: int) -> None:
        """So many places are taken now."""
        ...

    def tasks(self, counts: Mapping[str, int]) -> None:
        """So many asyncio tasks there are now, by the name of their coroutine. A name that is missing has none."""
        ...

    def first_media(self, seconds: float) -> None:
        """A turn has made its first fragment with speech and picture."""
        ...

    def turn_ended(self, ended: Ended) -> None: ...

    def turn_failed(self, code: str) -> None:
        """A turn ended in a typed error, `internal_error` for one that nobody foresaw, or `cancelled` by hanging up."""
        ...

    def refused(self, code: str) -> None:
        """A request was answered with an error."""
        ...


class Uncounted:
    """Counts nothing. Implements `Meter`."""

    def at_work(self, places: int) -> None: ...

    def tasks(self, counts: Mapping[str, int]) -> None: ...

    def first_media(self, seconds: float) -> None: ...

    def turn_ended(self, ended: Ended) -> None: ...

    def turn_failed(self, code: str) -> None: ...

    def refused(self, code: str) -> None: ...

    def jobs(self, counts: Mapping[str, int]) -> None: ...

    def job_ended(self, status: str, worked_seconds: float, media_seconds: float) -> None: ...
