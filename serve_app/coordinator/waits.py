"""How long a wait will be, judged by how long places were held lately."""

import heapq
from collections import deque
from collections.abc import Sequence

_MEASURED = 50


class Waits:
    """Remembers the last hold times, in seconds."""

    def __init__(self, assumed_seconds: float) -> None:
        """`assumed_seconds`: how long a place is held, until that has been measured."""
        self._assumed = assumed_seconds
        self._held: deque[float] = deque(maxlen=_MEASURED)

    def held(self, seconds: float) -> None:
        """A place was given back after so long."""
        self._held.append(seconds)

    def estimate(self, position: int, ages: Sequence[float], places: int) -> float:
        """Seconds until the one at `position` (1 is next) is let in, where places have been held for `ages`.

        The queue is played through: each place becomes free when its holder is expected to go, and is then held for
        the mean time by the next one.
        """
        mean = self._mean()
        free_at = sorted(self._remaining(age) for age in ages)
        # places taken beyond the capacity, as after a restart, have to become free before anybody is let in
        free_at = free_at[max(0, len(free_at) - places) :] + [0.0] * (places - len(free_at))
        heapq.heapify(free_at)
        for _ in range(position - 1):
            heapq.heapreplace(free_at, free_at[0] + mean)
        return free_at[0]

    def _mean(self) -> float:
        return sum(self._held) / len(self._held) if self._held else self._assumed

    def _remaining(self, age: float) -> float:
        """The mean of what remained of those held for longer; where none was, a quarter of the mean."""
        longer = [seconds - age for seconds in self._held if seconds > age]
        if longer:
            return sum(longer) / len(longer)
        return max(self._mean() - age, self._mean() / 4)
