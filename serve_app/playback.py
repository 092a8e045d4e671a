"""How far the listener is: the one number that pacing goes by."""

import time
from collections.abc import Callable

REPORT_LIFE_SECONDS = 1.0
"""A report is carried on by the clock for this long: clients report twice a second, and may be late once."""


class Playback:
    """Media sent minus media played, in seconds.

    Played comes from the client's reports where it sends them, carried on between two of them. Otherwise it comes
    from wall time since the first fragment was sent, as if playback had started at once and never stalled.

    While `held`, what is sent is kept back from the listener: no clock runs, nothing is played.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, held: bool = False) -> None:
        self._clock = clock
        self._held = held
        self._started_at: float | None = None
        self._sent = 0.0
        self._reported: float | None = None
        self._reported_at = 0.0
        self._running = True

    @property
    def started(self) -> bool:
        return self._sent > 0

    @property
    def sent_seconds(self) -> float:
        return self._sent

    def sent(self, seconds: float) -> None:
        if self._started_at is None and not self._held:
            self._started_at = self._clock()
        self._sent += seconds

    def release(self) -> None:
        """What was held back goes out now."""
        self._held = False
        if self._sent and self._started_at is None:
            self._started_at = self._clock()

    def report(self, played_seconds: float, stalled: bool = False) -> None:
        """The client says how far it has played, and whether it stands still. Positions never go back, nor beyond
        what was sent."""
        self._reported = max(min(played_seconds, self._sent), self._reported or 0.0)
        self._reported_at = self._clock()
        self._running = not stalled

    @property
    def played_seconds(self) -> float:
        """How far the listener is, as far as is known."""
        if self._started_at is None:
            return 0.0
        if self._reported is None:
            return min(self._sent, self._clock() - self._started_at)
        since = min(self._clock() - self._reported_at, REPORT_LIFE_SECONDS) if self._running else 0.0
        return min(self._sent, self._reported + since)

    @property
    def unplayed_seconds(self) -> float:
        """What the listener had left to play when it was last heard of; by the clock where it never reported."""
        return self.buffered_seconds if self._reported is None else self._sent - self._reported

    @property
    def buffered_seconds(self) -> float:
        """What the listener still has to play; 0 when it has run dry or nothing was sent."""
        return self._sent - self.played_seconds
