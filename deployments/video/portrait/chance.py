"""Randomness without a generator: a number is a function of (seed, purpose, how many-th), nothing is replayed."""

import enum
from statistics import NormalDist

_WORD = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_NORMAL = NormalDist()


class Purpose(enum.IntEnum):
    """What a number is drawn for. Values are part of the state's format: add, never renumber."""

    BLINK_GAP = 1
    BLINK_TWICE = 2
    BLINK_AT_PAUSE = 3
    GAZE_ACROSS = 4
    GAZE_UP = 5
    GAZE_TIME = 6
    HEAD_YAW = 7
    HEAD_PITCH = 8
    HEAD_ROLL = 9
    HEAD_TIME = 10
    NOD = 11
    PHASE = 12


def _mixed(word: int) -> int:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit reaches every output bit."""
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & _WORD
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & _WORD
    return word ^ (word >> 31)


def uniform(seed: int, purpose: Purpose, number: int, low: float = 0.0, high: float = 1.0) -> float:
    """The `number`-th value in [low, high) drawn for `purpose` under `seed`. All numbers are taken modulo 2^64."""
    word = _mixed((seed + _GOLDEN) & _WORD)
    word = _mixed((word ^ int(purpose)) + _GOLDEN & _WORD)
    word = _mixed((word ^ (number & _WORD)) + _GOLDEN & _WORD)
    return low + (high - low) * (word >> 11) / (1 << 53)


def normal(seed: int, purpose: Purpose, number: int) -> float:
    """The `number`-th standard normal value drawn for `purpose`, limited to ±2.3: heads do not jerk."""
    return _NORMAL.inv_cdf(uniform(seed, purpose, number, 0.0107, 0.9893))
