"""What a stream's motion has to remember between two steps, and no more."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32
from deployments.video.ditto.sizes import FEATURE_DIMS, MOTION_DIMS

Int16 = npt.NDArray[np.int16]
Float16 = npt.NDArray[np.float16]

MOST_PCM = 6480
MOST_FEATURES = 75
MOST_TAIL = 12
MOST_ANCHORS = 15
MOST_ORIGIN = 2
MOST_BYTES = 2 * (MOST_PCM + MOST_FEATURES * FEATURE_DIMS) + 4 * MOTION_DIMS * (MOST_TAIL + MOST_ANCHORS + MOST_ORIGIN)
"""Bytes of all arrays of a state at their largest: 197,300."""


@dataclass(slots=True)
class MotionState:
    """Counters and arrays of one stream. Arrays are replaced, never written into.

    `seed`: of the stream, in 0..2^63-1. `received`: samples so far. `heard`: runs of 5 feature rows made. `windows`:
    windows predicted. `emitted`: frames given out, also the index of the next. `blink_number`, `blink_start`: the next
    blink or the one under way, and the frame it starts at; -1 before the first. `ended`: the final step was taken.

    `pcm`: int16 [≤ 6480], the samples before `received` that are still to be heard. `features`: float16 [≤ 75, 1024]
    from the next window's first row on. `tail`: float32 [≤ 12, 265], the last frames of the fused motion. `anchors`:
    float32 [≤ 15, 265], frames that later windows start from. `origin`: float32 [≤ 2, 265], clipped: the frame that
    motion is relative to (d0), then the first frame given out.
    """

    seed: int
    received: int = 0
    heard: int = 0
    windows: int = 0
    emitted: int = 0
    blink_number: int = -1
    blink_start: int = -1
    ended: bool = False
    pcm: Int16 = field(default_factory=lambda: np.zeros(0, np.int16))
    features: Float16 = field(default_factory=lambda: np.zeros((0, FEATURE_DIMS), np.float16))
    tail: Float32 = field(default_factory=lambda: np.zeros((0, MOTION_DIMS), np.float32))
    anchors: Float32 = field(default_factory=lambda: np.zeros((0, MOTION_DIMS), np.float32))
    origin: Float32 = field(default_factory=lambda: np.zeros((0, MOTION_DIMS), np.float32))

    @property
    def array_bytes(self) -> int:
        """Of all arrays together."""
        return sum(part.nbytes for part in (self.pcm, self.features, self.tail, self.anchors, self.origin))
