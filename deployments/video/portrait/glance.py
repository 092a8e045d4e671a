"""Blinks and glances: events whose times and places are drawn by number, with only the next one kept in the state."""

from dataclasses import dataclass

from deployments.contracts import FRAMES_PER_SECOND
from deployments.video.portrait.chance import Purpose, uniform

_LID_SECONDS = (0.06, 0.10, 0.24)
"""From the start of a blink: shut, opening again, open. People take 0.2 to 0.3 s."""
_NEVER = -1_000_000
_SACCADE = 0.75
"""Part of the way to its target that the eye goes in one frame: a glance takes two or three."""


def _frames(seconds: float) -> int:
    return round(seconds * FRAMES_PER_SECOND)


@dataclass(slots=True)
class Blink:
    """`begun`: frame of the last blink. `due`: frame of the next. `number`: blinks so far."""

    begun: float = _NEVER
    due: float = _NEVER
    number: float = 0

    def advance(self, seed: int, frame: int, phrase_ended: bool, gap_scale: float) -> float:
        """How far the lids are shut in this frame, 0..1. Gaps of 2.4 to 5.5 s, 6 % of blinks double."""
        number = int(self.number)
        if self.due == _NEVER:
            self.due = frame + _frames(uniform(seed, Purpose.BLINK_GAP, number, 0.9, 3.0) * gap_scale)
        rested = frame - self.begun > FRAMES_PER_SECOND
        if phrase_ended and rested and uniform(seed, Purpose.BLINK_AT_PAUSE, frame) < 0.5:
            self.due = min(self.due, frame + _frames(uniform(seed, Purpose.BLINK_AT_PAUSE, frame + 1, 0.04, 0.3)))
        if frame >= self.due:
            self.begun, self.number = frame, number + 1
            twice = uniform(seed, Purpose.BLINK_TWICE, number) < 0.06
            gap = 0.36 if twice else uniform(seed, Purpose.BLINK_GAP, number + 1, 2.4, 5.5) * gap_scale
            self.due = frame + _frames(gap)
        return _lid((frame - self.begun) / FRAMES_PER_SECOND)


def _lid(seconds: float) -> float:
    shut, opening, opened = _LID_SECONDS
    if seconds < opening:
        return min(seconds / shut, 1.0)
    return max(0.0, (opened - seconds) / (opened - opening))


@dataclass(slots=True)
class Gaze:
    """Where the eyes look, as fractions of what the lids allow: mostly at the camera, which is 0, 0."""

    across: float = 0.0
    up: float = 0.0
    target_across: float = 0.0
    target_up: float = 0.0
    until: float = _NEVER
    number: float = 0

    def advance(self, seed: int, frame: int, activity: float) -> tuple[float, float]:
        """(across, up) in this frame. Glances away last 0.3 to 0.9 s; a listener makes fewer than a speaker."""
        if self.until == _NEVER:
            self.until = frame + _frames(uniform(seed, Purpose.GAZE_TIME, 0, 1.2, 3.0))
        if frame >= self.until:
            self.number += 1
            number = int(self.number)
            if number % 2:
                side = uniform(seed, Purpose.GAZE_ACROSS, number, -1, 1)
                self.target_across = 0.45 * side + (0.18 if side > 0 else -0.18)
                self.target_up = uniform(seed, Purpose.GAZE_UP, number, -0.3, 0.2)
                self.until = frame + _frames(uniform(seed, Purpose.GAZE_TIME, number, 0.3, 0.9))
            else:
                self.target_across = uniform(seed, Purpose.GAZE_ACROSS, number, -0.05, 0.05)
                self.target_up = uniform(seed, Purpose.GAZE_UP, number, -0.04, 0.04)
                self.until = frame + _frames(
                    uniform(seed, Purpose.GAZE_TIME, number, 1.6, 4.6) * (1.8 - 0.8 * activity)
                )
        self.across += (self.target_across - self.across) * _SACCADE
        self.up += (self.target_up - self.up) * _SACCADE
        return self.across, self.up
