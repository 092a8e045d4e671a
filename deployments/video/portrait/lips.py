"""What the network heard, made into a mouth: loudness opens it, m, b and p shut it, and pauses rest it."""

import numpy as np

from deployments.contracts import Float32
from deployments.video.portrait.pose import MOUTH_CHANNELS

_OPEN, _WIDE, _PUCKER, _UP, _LOW, _PRESS, _TUCK, _TONGUE = range(len(MOUTH_CHANNELS))
_PRESS_FROM = 0.4
_PRESS_SLOPE = 2.2
_PARTED = 0.012
"""Apertures under this count as shut: the lips may then not be drawn apart by their own channels."""


def shaped(channels: Float32, level: float, gate: float) -> Float32:
    """One frame's mouth, float32 [8], from the network's `channels` (MOUTH_CHANNELS), the level and the gate, 0..1."""
    mouth = np.maximum(channels, 0).astype(np.float32)
    mouth[_OPEN] *= 0.72 + 0.42 * level
    mouth[_WIDE] = channels[_WIDE]
    press = min(float(mouth[_PRESS]), 1.0)
    if press > _PRESS_FROM:
        mouth[_OPEN] *= max(0.0, 1 - (press - _PRESS_FROM) * _PRESS_SLOPE)
        mouth[[_UP, _LOW]] *= 1 - press
    if mouth[_OPEN] < _PARTED:
        mouth[[_UP, _LOW]] *= mouth[_OPEN] / _PARTED
    mouth *= np.float32(gate)
    return mouth
