"""How the head moves: enough to live, not so much or so fast that it shakes."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from benchmarks.quality.faces import Poses

_SMOOTHING_PICTURES = 1.5
"""The depth of single pictures strays by half a degree; heads do not."""
_RANGE = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class HeadMotion:
    """`pitch_degrees`, `yaw_degrees`, `roll_degrees`: range of each, 2.5th to 97.5th percentile. `path`: range of the
    head's place, hundredths of the face's width. `speed`: median speed of its place, hundredths of the face's width a
    second. `shake`: root mean square of the second difference of its place from picture to picture, hundredths of
    the face's width: 0.3 in calm speech, of which most is the tracker's own."""

    pitch_degrees: float
    yaw_degrees: float
    roll_degrees: float
    path: float
    speed: float
    shake: float


def head_motion(poses: Poses, pictures_per_second: float) -> HeadMotion:
    """Of a film's pictures in order."""
    turned = gaussian_filter1d(poses.turned, _SMOOTHING_PICTURES, axis=0, mode="nearest")
    placed = gaussian_filter1d(poses.placed, _SMOOTHING_PICTURES, axis=0, mode="nearest")
    low, high = np.percentile(turned, _RANGE, axis=0)
    left, right = np.percentile(placed, _RANGE, axis=0)
    steps = np.linalg.norm(np.diff(placed, axis=0), axis=1) if len(placed) > 1 else np.zeros(1)
    jolts = np.diff(poses.placed, n=2, axis=0) if len(placed) > 2 else np.zeros((1, 2))
    pitch, yaw, roll = (float(value) for value in high - low)
    return HeadMotion(
        pitch_degrees=pitch,
        yaw_degrees=yaw,
        roll_degrees=roll,
        path=100 * float(np.hypot(*(right - left))),
        speed=100 * float(np.median(steps)) * pictures_per_second,
        shake=100 * float(np.sqrt((jolts**2).sum(axis=1).mean())),
    )
