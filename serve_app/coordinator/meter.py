"""What the Coordinator counts. The waiting room knows this much of it; `metrics.py` tells Prometheus."""

from typing import Protocol


class PeopleMeter(Protocol):
    """All times in seconds."""

    def present(self, answered: int, waiting: int) -> None:
        """So many people are answered now, and so many wait."""
        ...

    def waited(self, seconds: float) -> None:
        """Somebody got a place after so long a wait."""
        ...

    def refused(self, code: str) -> None:
        """Somebody got none: `at_capacity` or `rate_limited`."""
        ...

    def sessions(self, kept: int) -> None:
        """So many sessions are kept."""
        ...


class Unwatched:
    """Counts nothing. Implements `PeopleMeter`."""

    def present(self, answered: int, waiting: int) -> None: ...

    def waited(self, seconds: float) -> None: ...

    def refused(self, code: str) -> None: ...

    def sessions(self, kept: int) -> None: ...
