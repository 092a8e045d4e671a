"""From a frame's motion to its 21 keypoints."""

from collections.abc import Mapping

import numpy as np

from deployments.contracts import Float32
from deployments.video.ditto.sizes import ANGLE_BINS, POINTS

_BINS = np.arange(ANGLE_BINS, dtype=np.float32)
_BIN_DEGREES = np.float32(3)
_LEAST_DEGREES = np.float32(-97.5)


def degrees(angle: Float32) -> Float32:
    """float32 [n, 1] of logits [n, 66], whose bins are 3 degrees apart; what is in degrees already stays as it is."""
    if angle.shape[1] != ANGLE_BINS:
        return angle
    powers = np.exp(angle - angle.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    found: Float32 = (shares * _BINS).sum(axis=1, keepdims=True) * _BIN_DEGREES + _LEAST_DEGREES
    return found


def rotation(pitch: float, yaw: float, roll: float) -> Float32:
    """float32 [3, 3], to be multiplied from the right with points as rows: (Rz(roll) Ry(yaw) Rx(pitch))ᵀ, degrees."""
    angles = np.array([pitch, yaw, roll], np.float64) * (np.pi / 180)
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    # written out rather than multiplied: no library's way of summing shows in the frames
    turned = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.array(turned, np.float32).T.copy()


def keypoints(parts: Mapping[str, Float32]) -> Float32:
    """float32 [21, 3] = scale·(kp·R + exp), then x and y moved by t. z is not moved.

    `parts`, each float32 [1, k]: scale 1, pitch, yaw, roll 66 or 1, t 3, exp 63, kp 63.
    """
    turn = rotation(*(float(degrees(parts[angle])[0, 0]) for angle in ("pitch", "yaw", "roll")))
    points = parts["kp"].reshape(POINTS, 3)
    turned = points[:, :1] * turn[0] + points[:, 1:2] * turn[1] + points[:, 2:] * turn[2]
    found: Float32 = parts["scale"][0, 0] * (turned + parts["exp"].reshape(POINTS, 3))
    found[:, :2] += parts["t"][0, :2]
    return found
