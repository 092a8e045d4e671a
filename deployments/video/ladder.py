"""Graceful quality: when a replica cannot keep up it draws less before anybody waits, and more again in calm.

Pure: the clock is given, nothing is measured here. One instance a replica.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from deployments.video.quality import BEST_RENDER, HALF_FRAMES, Quality

MOTION_PARTS = ("hear", "diffuse")
"""The timings of a step that are the motion model's."""


class LadderSettings(BaseModel):
    """When quality falls and rises. Load is the engine's seconds for one second of video, times the steps in hand:
    at 1 a replica is just in time for all whom it serves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    highest_rung: int = Field(
        HALF_FRAMES,
        ge=0,
        le=HALF_FRAMES,
        description="The cheapest rung that load may lead to: 0 never spares anything, 1 computes where a face's parts "
        "come from for every second frame, 2 also draws only every second frame.",
    )
    raise_above: float = Field(0.9, gt=0, le=10, description="Load above which one rung more is spared.")
    lower_below: float = Field(0.5, ge=0, le=10, description="Load below which one rung is given back.")
    raise_seconds: float = Field(1.0, ge=0, le=60, description="How long the load must be high, without a break.")
    hold_seconds: float = Field(
        5.0, ge=0, le=600, description="How long the load must be low, without a break; a pause counts as calm."
    )
    memory_seconds: float = Field(
        3.0, gt=0, le=60, description="Over how long the load is averaged (the time constant of what is forgotten)."
    )
    motion_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the time that goes into hearing and diffusion above which fewer diffusion steps are the "
        "first thing spared; 1 never touches them.",
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.lower_below >= self.raise_above:
            raise ValueError("lower_below must lie under raise_above, or the quality would never rest")
        return self


@dataclass(frozen=True, slots=True)
class Rungs:
    """What an engine can spare. `render`: its rungs above 0, ascending. `fewer_steps`: whether diffusion can."""

    render: tuple[int, ...] = ()
    fewer_steps: bool = False


class Graceful(Protocol):
    """An Animator that can spare work."""

    rungs: Rungs


@dataclass(frozen=True, slots=True)
class Measured:
    """One batch. `seconds`: the engine's; `motion_seconds`: of them, hearing and diffusion; `media_seconds`: of video
    made; `present`: steps in the batch and steps that waited when it began."""

    seconds: float
    motion_seconds: float
    media_seconds: float
    present: int


class Ladder:
    """Chooses the quality of the next batch from what the last ones took."""

    def __init__(self, settings: LadderSettings, rungs: Rungs, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._steps = (BEST_RENDER, *(rung for rung in sorted(rungs.render) if rung <= settings.highest_rung))
        self._may_take_fewer_steps = rungs.fewer_steps and settings.highest_rung > BEST_RENDER
        self._clock = clock
        self._last = clock()
        self._high_since: float | None = None
        self._low_since: float | None = None
        # forgotten by and by: seconds of the engine, of its motion model, of video made; steps in hand; weight
        self._seconds, self._motion, self._media = 0.0, 0.0, 0.0
        self._present, self._weight = 0.0, 0.0
        self.quality = Quality()

    @property
    def load(self) -> float:
        """Engine seconds for a second of video times steps in hand; 0 before anything was made."""
        if self._media <= 0:
            return 0.0
        return self._seconds / self._media * self._present / self._weight

    def observe(self, batch: Measured) -> Quality:
        """The quality from now on."""
        now = self._clock()
        self._rest(now - batch.seconds - self._last)
        kept = math.exp(-max(0.0, now - self._last) / self._settings.memory_seconds)
        self._last = now
        self._seconds = kept * self._seconds + batch.seconds
        self._motion = kept * self._motion + batch.motion_seconds
        self._media = kept * self._media + batch.media_seconds
        self._present = kept * self._present + batch.present
        self._weight = kept * self._weight + 1
        self._decide(now)
        return self.quality

    def _decide(self, now: float) -> None:
        load = self.load
        high, low = load > self._settings.raise_above, load < self._settings.lower_below and self._media > 0
        self._high_since = (self._high_since if self._high_since is not None else now) if high else None
        self._low_since = (self._low_since if self._low_since is not None else now) if low else None
        if self._high_since is not None and now - self._high_since >= self._settings.raise_seconds:
            self._change(self._sparing())
        elif self._low_since is not None and now - self._low_since >= self._settings.hold_seconds:
            self._change(self._giving())

    def _rest(self, pause: float) -> None:
        """Nothing was asked for `pause` seconds: one rung is given back for each time that calm must last."""
        hold = self._settings.hold_seconds
        while pause >= max(hold, 1e-3) and self.quality != Quality():
            self._change(self._giving())
            pause -= hold

    def _sparing(self) -> Quality:
        """One thing more. Diffusion only where it, and not drawing, takes the time."""
        motion_dominates = self._seconds > 0 and self._motion / self._seconds > self._settings.motion_share
        if motion_dominates and self._may_take_fewer_steps and not self.quality.fewer_steps:
            return Quality(self.quality.render, True)
        place = min(self._steps.index(self.quality.render) + 1, len(self._steps) - 1)
        return Quality(self._steps[place], self.quality.fewer_steps)

    def _giving(self) -> Quality:
        """One thing less: pictures first, then diffusion."""
        if self.quality.render == BEST_RENDER:
            return Quality()
        return Quality(self._steps[self._steps.index(self.quality.render) - 1], self.quality.fewer_steps)

    def _change(self, quality: Quality) -> None:
        """What was measured before says nothing of what the new rung takes."""
        self._high_since = self._low_since = None
        if quality != self.quality:
            self.quality = quality
            self._forget()

    def _forget(self) -> None:
        self._seconds, self._motion, self._media = 0.0, 0.0, 0.0
        self._present, self._weight = 0.0, 0.0
