"""Light that trembles where nothing should change, and pictures that stand still.

Flicker is read off second differences in time, (y[t-1] - 2 y[t] + y[t+1]) / sqrt(6): steady change and slow motion
cancel out, and noise of standard deviation s from picture to picture gives s.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.quality.sight import APART, SKIN, SMALL_WIDTH, Sight
from deployments.contracts import Float32
from deployments.video.faces.indices import CHIN, FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK

_AROUND = 1.7
"""Background begins at this many half widths from the middle of the face: hair and ears move with the head."""
_CELL = 4
FROZEN_LEVELS = 6.0
"""A picture none of whose 16 x 16 blocks changed by more in 0.2 s shows what was shown then. A face that lives changes
some block by 13 and more, the codec alone by 4."""
_DIP = 0.4


@dataclass(frozen=True, slots=True)
class Flicker:
    """Levels of 255. `background`: root mean square over the cells above the chin and beside the face; None where the
    face fills the picture; 0.1 in the portrait engine's films. `face`: over forehead and cheeks, the face held still;
    0.5 there, most of which is how exactly it can be held. `whole`: of the mean luminance; 0.05 there.
    `key_pulse`: how much more the background changes at pictures that begin anew (H.264 key frames) than at others."""

    background: float | None
    face: float
    whole: float
    key_pulse: float | None


@dataclass(frozen=True, slots=True)
class Stillness:
    """`pictures`: in the film. `frozen`: of these, how many show what was shown 0.2 s before. `longest_seconds`: of the
    longest stretch in which nothing moves; 0 without one. `doubled`: share of pictures that change less than 0.4 of
    what both the one before and the one after do: 0.03 to 0.06 where each picture was drawn, 0.5 where each is shown
    twice. (From one picture to the next a codec changes as much as a calm face: less can be told of single ones.)"""

    pictures: int
    frozen: int
    longest_seconds: float
    doubled: float


def flicker(sight: Sight, keys: npt.NDArray[np.bool_]) -> Flicker:
    """`keys`: bool [pictures], whether each is a key frame."""
    skin = [_luminance(sight.aligned[:, top:bottom, left:right]) for top, bottom, left, right in SKIN]
    behind = _background(sight)
    background = key_pulse = None
    if behind.shape[1]:
        background = _trembling(behind)
        steps = np.abs(np.diff(behind, axis=0)).mean(axis=1)
        if keys[1:].any() and not keys[1:].all():
            key_pulse = float(steps[keys[1:]].mean() - steps[~keys[1:]].mean())
    whole = sight.small.mean(axis=(1, 2), dtype=np.float64)
    return Flicker(background, _trembling(np.stack(skin, axis=1)), _trembling(whole[:, None]), key_pulse)


def stillness(sight: Sight, picture_seconds: float) -> Stillness:
    still = np.r_[np.zeros(APART, bool), sight.moved[APART:] <= FROZEN_LEVELS]
    edges = np.flatnonzero(np.diff(np.r_[False, still, False].astype(np.int8))).reshape(-1, 2)
    longest = max((int(last - first) + APART for first, last in edges), default=0)
    steps = sight.changed[1:]
    dips = steps[1:-1] < _DIP * np.minimum(steps[:-2], steps[2:])
    doubled = float(dips.mean()) if len(dips) else 0.0
    return Stillness(len(sight), int(still.sum()), longest * picture_seconds, doubled)


def _trembling(series: npt.NDArray[np.floating]) -> float:
    """Root mean square of the second differences of [pictures, places], as above."""
    if len(series) < 3:
        return 0.0
    return float(np.sqrt(np.mean(np.diff(series, n=2, axis=0) ** 2) / 6))


def _luminance(patch: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Mean luminance of each picture's patch, BT.601."""
    return np.asarray(patch.mean(axis=(1, 2), dtype=np.float64) @ [0.114, 0.587, 0.299])


def _background(sight: Sight) -> Float32:
    """Mean luminance of cells of 4 x 4 pixels of the small view that are background, float32 [pictures, cells]."""
    count, height, width = sight.small.shape
    rows, columns = height // _CELL, width // _CELL
    cells = sight.small[:, : rows * _CELL, : columns * _CELL]
    cells = cells.reshape(count, rows, _CELL, columns, _CELL).mean(axis=(2, 4))
    if not sight.seen.any():
        return np.asarray(cells.reshape(count, -1), np.float32)
    points = np.median(sight.points[sight.seen][..., :2], axis=0) * (SMALL_WIDTH / sight.frame_size[0]) / _CELL
    middle = (points[LEFT_CHEEK] + points[RIGHT_CHEEK]) / 2
    half = float(np.linalg.norm(points[LEFT_CHEEK] - points[RIGHT_CHEEK])) / 2
    tall = float(np.linalg.norm(points[CHIN] - points[FOREHEAD])) / 2
    y, x = np.mgrid[0:rows, 0:columns] + 0.5
    outside = np.hypot((x - middle[0]) / half, (y - (points[FOREHEAD] + points[CHIN])[1] / 2) / tall) > _AROUND
    return np.asarray(cells[:, outside & (y < points[CHIN][1])], np.float32)
