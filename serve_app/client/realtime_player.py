"""A player without a screen: it knows how far a browser would be with the media that came, and when it would stall."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

SHORTEST_STALL_SECONDS = 0.01
"""A quarter of a frame. What is later than that is a pause that a person may see or hear."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Playback of an answer stood still for `seconds` at `at_ms` of its media, because the next came too late."""

    response_id: str
    at_ms: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Position:
    """Where playback of an answer is. `stalled`: it has run dry and more is to come. `over`: it is at its end, or was
    stopped."""

    response_id: str
    played_ms: int
    stalled: bool
    over: bool


@dataclass(slots=True)
class _Line:
    """One answer. `zero` is when its first moment plays or would have, had it never stalled since."""

    response_id: str
    zero: float
    fed_ms: float = 0.0
    complete: bool = False
    stopped_ms: float | None = None

    def played_ms(self, now: float) -> float:
        if self.stopped_ms is not None:
            return self.stopped_ms
        return min(self.fed_ms, max(0.0, (now - self.zero) * 1000))

    def ends_at(self) -> float:
        return self.zero + self.fed_ms / 1000

    def position(self, now: float) -> Position:
        played = self.played_ms(now)
        dry = played >= self.fed_ms
        over = self.stopped_ms is not None or (self.complete and dry)
        return Position(self.response_id, int(played), dry and not over, over)


class VirtualPlayer:
    """Plays answers one after the other in wall time, each from its first fragment on.

    `start_after_seconds`: how long a player holds the first fragment of an answer before it starts. `stalls` are all
    that have been. Times come from `clock`, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, start_after_seconds: float = 0.0) -> None:
        self.stalls: list[Stall] = []
        self._clock = clock
        self._start_after = start_after_seconds
        self._lines: list[_Line] = []
        # What is under way when an answer is stopped still comes in, after it is forgotten here.
        self._stopped: deque[str] = deque(maxlen=16)

    def feed(self, response_id: str, start_ms: int, duration_ms: int) -> None:
        """Media of an answer have come in. Those of an answer that was stopped are thrown away."""
        if response_id in self._stopped:
            return
        now = self._clock()
        line = self._line(response_id)
        if line is None:
            free = self._lines[-1].ends_at() if self._lines and self._lines[-1].stopped_ms is None else now
            line = _Line(response_id, max(now + self._start_after, free))
            self._lines.append(line)
        elif (late := now - line.ends_at()) > 0:
            line.zero += late
            if late > SHORTEST_STALL_SECONDS:
                self.stalls.append(Stall(response_id, int(line.fed_ms), late))
        line.fed_ms = max(line.fed_ms, float(start_ms + duration_ms))

    def finish(self, response_id: str) -> None:
        """All media of the answer have come in."""
        if (line := self._line(response_id)) is not None:
            line.complete = True

    def stop(self) -> list[Position]:
        """Silence at once. Returns how far each answer was heard that was not at its end."""
        now = self._clock()
        cut = [line for line in self._lines if not line.position(now).over]
        for line in cut:
            line.stopped_ms = line.played_ms(now)
            self._stopped.append(line.response_id)
        return [line.position(now) for line in cut]

    def positions(self) -> list[Position]:
        """Of all answers that are not over, and once of each that is: it is forgotten then."""
        now = self._clock()
        found = [line.position(now) for line in self._lines]
        over = {position.response_id for position in found if position.over}
        self._lines = [line for line in self._lines if line.response_id not in over]
        return found

    def remaining_seconds(self) -> float:
        """Media that came and were not played yet."""
        now = self._clock()
        return sum((line.fed_ms - line.played_ms(now)) / 1000 for line in self._lines if line.stopped_ms is None)

    def began_at(self, response_id: str) -> float | None:
        """When the answer's first moment was played, stalls taken out; None for one that is unknown or over."""
        line = self._line(response_id)
        return None if line is None else line.zero

    def was_stopped(self, response_id: str) -> bool:
        """Whether the answer, one of the last, was cut off."""
        return response_id in self._stopped

    def _line(self, response_id: str) -> _Line | None:
        return next((line for line in self._lines if line.response_id == response_id), None)
