"""Who may be at work at once. Above that the answer is a quick no, never a slow yes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deployments.errors import AtCapacity


class Admission:
    """Counts the requests at work in this gateway. Used from one event loop only."""

    def __init__(self, most: int, retry_after_seconds: int, changed: Callable[[int], None]) -> None:
        """`changed` hears how many are at work, each time that changes."""
        self.most = most
        self.now = 0
        self._changed = changed
        self._retry_after_seconds = retry_after_seconds

    def check(self) -> None:
        """Raises AtCapacity where there is no room, so that an upload need not be read in vain."""
        if self.now >= self.most:
            raise AtCapacity(
                f"All {self.most} places are taken. Try again in {self._retry_after_seconds} s.",
                self._retry_after_seconds,
            )

    @contextmanager
    def place(self) -> Iterator[None]:
        """Takes a place for as long as the block runs. Raises AtCapacity."""
        self.check()
        self.now += 1
        self._changed(self.now)
        try:
            yield
        finally:
            self.now -= 1
            self._changed(self.now)
