"""What the workers count. They know this much of the gateway's meter."""

from collections.abc import Mapping
from typing import Protocol


class JobMeter(Protocol):
    """All times in seconds."""

    def jobs(self, counts: Mapping[str, int]) -> None:
        """So many jobs are in each state, over all gateways."""
        ...

    def job_ended(self, status: str, worked_seconds: float, media_seconds: float) -> None:
        """A job of this gateway's has ended, after so much work, with so much video."""
        ...
