"""Eyes that stay on the viewer while the head turns. The published constants."""

import numpy as np

from deployments.video.ditto.motion.controls import Parts
from deployments.video.ditto.motion.keypoints import degrees

_ACROSS, _UP = 0.26, 0.28
_OUTER, _INNER = 0.0007, 0.001
_LEFT_X, _LEFT_Y, _RIGHT_X, _RIGHT_Y = 33, 34, 45, 46


def steadied(parts: Parts, source: Parts) -> Parts:
    """The expression's eye points moved against what the head turned from the photo's pose."""
    across = _ACROSS * _turned(parts, source, "yaw")
    up = _UP * _turned(parts, source, "pitch")
    exp = parts["exp"].copy()
    exp[0, _LEFT_X] += np.float32(across * (_OUTER if across > 0 else _INNER))
    exp[0, _RIGHT_X] += np.float32(across * (_INNER if across > 0 else _OUTER))
    exp[0, [_LEFT_Y, _RIGHT_Y]] -= np.float32(up * 0.001)
    return {**parts, "exp": exp}


def _turned(parts: Parts, source: Parts, angle: str) -> float:
    return float(degrees(parts[angle])[0, 0]) - float(degrees(source[angle])[0, 0])
