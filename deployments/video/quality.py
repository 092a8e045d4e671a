"""What a step's `quality` number says: how much of the work is spared, and in which part of the engine."""

from dataclasses import dataclass

BEST_RENDER, HALF_FIELDS, HALF_FRAMES = 0, 1, 2
"""Rungs of the pictures. 1: where each part of a face comes from is computed for every second frame and blended for
the others, whose keypoints stay exact. 2: so, and only every second frame is drawn; the others are blends of two.
The portrait engine draws every second frame from 1 on."""
_FEWER_STEPS = 8


@dataclass(frozen=True, slots=True)
class Quality:
    """`render`: 0 is the best, higher rungs draw less. `fewer_steps`: the motion model takes fewer diffusion steps."""

    render: int = BEST_RENDER
    fewer_steps: bool = False

    @classmethod
    def of(cls, number: int) -> "Quality":
        """From a step's `quality`; what lies below the best is the best."""
        number = max(0, number)
        return cls(min(number % _FEWER_STEPS, HALF_FRAMES), number >= _FEWER_STEPS)

    @property
    def number(self) -> int:
        """As a step carries it."""
        return self.render + _FEWER_STEPS * self.fewer_steps

    def spare(self, other: "Quality") -> "Quality":
        """Whatever either spares."""
        return Quality(max(self.render, other.render), self.fewer_steps or other.fewer_steps)
