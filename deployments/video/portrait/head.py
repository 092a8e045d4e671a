"""The head: it leans from pose to pose, nods on loud syllables, and comes to rest when nothing is said."""

import math
from dataclasses import dataclass

from deployments.contracts import FRAMES_PER_SECOND
from deployments.video.portrait.chance import Purpose, normal, uniform

_SECONDS = 1 / FRAMES_PER_SECOND
_SPREAD = (0.050, 0.026, 0.026)
"""Standard deviation of yaw, pitch and roll of the poses of a speaker, in radians: 2.9, 1.5 and 1.5 degrees."""
_STIFFNESS, _DAMPING = 14.0, 6.2
"""Of the spring to the next pose: about a second to get there, hardly any overshoot."""
_NOD_STIFFNESS, _NOD_DAMPING, _NOD_PUSH = 40.0, 7.0, 0.10
_NOD_PITCH = 1.1
"""Radians of pitch for a unit of nod: a loud syllable after a pause nods by about 1.5 degrees."""
_REST_SHARE = 0.3
"""Part of the speaking head's range that is left to a silent one."""
_PAUSE_SHARE = 0.12
"""The same for the pose that a speaker takes when a phrase is over."""


@dataclass(slots=True)
class Head:
    """Angles in radians, speeds in radians a second. `due`: frame of the next pose. `number`: poses so far."""

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    yaw_speed: float = 0.0
    pitch_speed: float = 0.0
    roll_speed: float = 0.0
    yaw_target: float = 0.0
    pitch_target: float = 0.0
    roll_target: float = 0.0
    due: float = 0.0
    number: float = 0.0
    nod: float = 0.0
    nod_speed: float = 0.0
    envelope: float = 0.0

    def advance(self, seed: int, frame: int, level: float, activity: float, phrase_ended: bool) -> None:
        """Moves on by one frame. `activity`: 0 silent, 1 in the middle of speech."""
        if phrase_ended:
            # back to the middle: a stream that ends soon after then has little way left to its rest
            self._choose(seed, frame, _PAUSE_SHARE, pace=1.0)
        elif frame >= self.due:
            self._choose(seed, frame, _REST_SHARE + (1 - _REST_SHARE) * activity, pace=2 - activity)
        self.yaw_speed, self.yaw = _sprung(self.yaw_speed, self.yaw, self.yaw_target)
        self.pitch_speed, self.pitch = _sprung(self.pitch_speed, self.pitch, self.pitch_target)
        self.roll_speed, self.roll = _sprung(self.roll_speed, self.roll, self.roll_target)
        onset = max(0.0, level - self.envelope) * uniform(seed, Purpose.NOD, frame // 12, 0.3, 1.7)
        self.envelope += (level - self.envelope) * 0.25
        self.nod_speed += _NOD_PUSH * onset - (_NOD_STIFFNESS * self.nod + _NOD_DAMPING * self.nod_speed) * _SECONDS
        self.nod += self.nod_speed * _SECONDS

    def _choose(self, seed: int, frame: int, share: float, pace: float) -> None:
        number = int(self.number)
        self.yaw_target = _SPREAD[0] * share * normal(seed, Purpose.HEAD_YAW, number)
        self.pitch_target = _SPREAD[1] * share * normal(seed, Purpose.HEAD_PITCH, number)
        # people tilt the way they turn, loosely
        self.roll_target = (
            _SPREAD[2]
            * share
            * (0.8 * normal(seed, Purpose.HEAD_ROLL, number) + 0.6 * self.yaw_target / (_SPREAD[0] * share))
        )
        pause = uniform(seed, Purpose.HEAD_TIME, number, 0.7, 1.9) * pace
        self.due = frame + round(pause * FRAMES_PER_SECOND)
        self.number = number + 1

    @property
    def nod_pitch(self) -> float:
        """Pitch that the nod adds, in radians; down is negative."""
        return -_NOD_PITCH * self.nod


def _sprung(speed: float, place: float, target: float) -> tuple[float, float]:
    speed += ((target - place) * _STIFFNESS - speed * _DAMPING) * _SECONDS
    return speed, place + speed * _SECONDS


def wander(seed: int, frame: int, number: int, cycles_per_second: float) -> float:
    """A slow wave in -1..1 that depends on the frame alone: no head is ever quite still."""
    phase = uniform(seed, Purpose.PHASE, number, 0.0, 2 * math.pi)
    return math.sin(2 * math.pi * cycles_per_second * frame * _SECONDS + phase)
