"""Windows of 80 predicted frames made one motion: blended, smoothed; what the next window starts from.

Bit for bit what the published implementation makes of the same predictions (tests/data/ditto/audio2motion.npz).
"""

from dataclasses import dataclass

import numpy as np

from deployments.contracts import Float32
from deployments.video.ditto.motion.plan import MotionPlan
from deployments.video.ditto.sizes import WINDOW_FRAMES

SMOOTHED_DIMS = 202
"""Scale, angles and translation are smoothed; the expression is not."""
TAIL_MARGIN = 2
"""Frames kept before those that are still blended: the neighbours of what is smoothed, here and at the end."""


def smoothed(rows: Float32, start: int, end: int, width: int) -> Float32:
    """float32 [n, 265], the rows [start, end) averaged with their neighbours, `width` in all and fewer at the ends."""
    found = rows.copy()
    if width <= 1:
        return found
    half = width // 2
    for row in range(max(start, 0), min(end, len(rows))):
        near = rows[max(0, row - half) : row + half + 1, :SMOOTHED_DIMS]
        found[row, :SMOOTHED_DIMS] = np.mean(near, axis=0)
    return found


def blended(old: Float32, new: Float32) -> Float32:
    """float32 [n, 265], from `old` to `new`: row j has j/n of the new."""
    count = len(old)
    share = (np.arange(count, dtype=np.float32) / np.float32(count))[:, None]
    found: Float32 = old * (1 - share) + new * share
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """`rows`: float32 [n, 265], the motion from row `start` on after a window joined it. `tail` and `anchors`: what the
    next window needs (MotionState)."""

    start: int
    rows: Float32
    tail: Float32
    anchors: Float32


def fused(plan: MotionPlan, window: int, tail: Float32, anchors: Float32, predicted: Float32) -> Fused:
    """Window `window` joined to the motion before it. `predicted`: float32 [80, 265].

    Rows after it: valid·window + 80. Of these the last `fuse` are blended with the next window's.
    """
    length = WINDOW_FRAMES + plan.valid * window
    if window == 0:
        rows = smoothed(predicted, 0, len(predicted), plan.smoothing)
    else:
        split = WINDOW_FRAMES - plan.valid
        joint = blended(tail[-plan.fuse :], predicted[split - plan.fuse : split])
        rows = np.concatenate([tail[: -plan.fuse], joint, predicted[split:]])
        first_new = len(rows) - plan.valid
        rows = smoothed(rows, first_new - plan.fuse, first_new + 1, plan.smoothing)
    start = length - len(rows)
    return Fused(start, rows, rows[-plan.fuse - TAIL_MARGIN :].copy(), _anchors(plan, window, anchors, rows))


def _anchors(plan: MotionPlan, window: int, old: Float32, rows: Float32) -> Float32:
    """The rows valid-1, 2·valid-1, ... before those still to be blended; the first is the next window's."""
    if window == 0:
        return rows[plan.valid - 1 : len(rows) - plan.fuse : plan.valid].copy()
    newest = len(rows) - plan.fuse - 1
    found: Float32 = np.concatenate([old[1:], rows[newest : newest + 1]])
    return found


def start_vector(plan: MotionPlan, window: int, anchors: Float32, source: Float32) -> Float32:
    """float32 [265], the frame that window `window` is conditioned on. `source`: float32 [265], of the character.

    Where the plan resets (every n-th window) the source's, but for the dimensions that are carried on all the same.
    """
    if window == 0:
        return source
    carried: Float32 = anchors[0]
    if plan.reset_windows == 0 or window % plan.reset_windows:
        return carried
    found = source.copy()
    if plan.reset_kept is not None:
        kept = slice(*plan.reset_kept)
        found[kept] = carried[kept]
    return found


def finished(plan: MotionPlan, made: Fused, first: int, end: int, last: bool) -> Float32:
    """float32 [n, 265], the rows [first, end) as they come out. `last`: the motion ends with row `end` - 1.

    Offline the whole motion is smoothed once more; what it needs of the rows around is at hand.
    """
    rows = made.rows[: end - made.start] if last else made.rows
    if plan.mode == "offline":
        rows = smoothed(rows, first - made.start, end - made.start, plan.smoothing)
    return rows[first - made.start : end - made.start]
