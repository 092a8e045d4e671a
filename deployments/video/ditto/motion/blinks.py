"""When the eyes blink: a function of (seed, frame), found by going from one blink to the next."""

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.video.ditto.motion.noise import Purpose, generator

LEAST_GAP, MOST_GAP = 60, 100
"""Frames between two blinks where they are drawn, as published."""


@dataclass(frozen=True, slots=True)
class Blinks:
    """`gaps`: frames with open eyes before each blink. -1 never, 0 at random 60 to 100, more than 0 as many, several
    one after the other, again and again. `script`: the blink's row for each frame, gone through again and again, in
    place of all that; for comparison with the published implementation."""

    gaps: int | tuple[int, ...] = 0
    script: tuple[int, ...] | None = None

    def gap(self, seed: int, number: int) -> int:
        """Frames between blink `number` - 1, or the stream's start, and blink `number`."""
        if isinstance(self.gaps, tuple):
            return self.gaps[number % len(self.gaps)]
        if self.gaps > 0:
            return self.gaps
        return int(generator(seed, Purpose.BLINK_GAP, number).integers(LEAST_GAP, MOST_GAP, endpoint=True))

    def advance(self, seed: int, frame: int, length: int, number: int, start: int) -> tuple[int, int]:
        """(number, start) of the blink that is under way at `frame` or comes next.

        `number`, `start`: the same of an earlier frame, or -1, -1 to begin with the stream. `length`: frames of a
        blink. Costs as much as there are blinks between the two.
        """
        if self.gaps == -1 or self.script is not None:
            return -1, -1
        if number < 0:
            number, start = 0, self.gap(seed, 0)
        while start + length <= frame:
            number += 1
            start += length + self.gap(seed, number)
        return number, start

    def row(self, frame: int, length: int, start: int) -> int:
        """Row of the blink at `frame`: 0 while the eyes are open. `start`: from `advance` for this frame."""
        if self.script is not None:
            return self.script[frame % len(self.script)]
        return frame - start if 0 <= start <= frame < start + length else 0


def published_script(gaps: Sequence[int], frames: int, length: int) -> tuple[int, ...]:
    """The rows of a clip of known length, as the published implementation lays them out for given gaps: no blink begins
    in the last max(last gap, length) frames, so that the eyes are open at the end."""
    rows = [0] * frames
    end = frames - max(gaps[-1], length)
    number, start = 0, gaps[0]
    while start < end:
        rows[start : start + length] = range(length)
        number += 1
        start += length + gaps[number % len(gaps)]
    return tuple(rows)
