"""How far the listener is: the one number that pacing goes by."""

import time
from collections.abc import Callable


class Playback:
    """Media sent minus media played, in seconds.

    Played comes from the client's reports where it sends them, otherwise from wall time since the first
    fragment was sent, as if playback had started at once and never stalled.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._first_sent: float | None = None
        self._sent = 0.0
        self._reported: float | None = None

    @property
    def started(self) -> bool:
        return self._first_sent is not None

    def sent(self, seconds: float) -> None:
        if self._first_sent is None:
            self._first_sent = self._clock()
        self._sent += seconds

    def report(self, played_seconds: float) -> None:
        """The client says how far it has played. Positions never go back, nor beyond what was sent."""
        self._reported = max(min(played_seconds, self._sent), self._reported or 0.0)

    @property
    def buffered_seconds(self) -> float:
        """What the listener still has to play; 0 when it has run dry or nothing was sent."""
        if self._first_sent is None:
            return 0.0
        played = self._reported if self._reported is not None else self._clock() - self._first_sent
        return max(0.0, self._sent - played)
