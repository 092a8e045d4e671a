"""Whom the motion is made for, and by which face the motion model is told to speak."""

from dataclasses import dataclass

import numpy as np

from deployments.contracts import Float32
from deployments.video.ditto.types import Motion


@dataclass(frozen=True, slots=True, eq=False)
class Guide:
    """What the motion model is told of a face, the same in every window.

    `motion`: 1 row with `kp`, the motion its windows start from. `points`: float32 [63], canonical points. `eye_open`:
    float32 [n, 2] and `eye_ball`: float32 [n, 6], n ≥ 1 frames that are gone through to and fro (conditions.py).
    """

    motion: Motion
    points: Float32
    eye_open: Float32
    eye_ball: Float32


@dataclass(frozen=True, slots=True, eq=False)
class Character:
    """One avatar's face in the terms of the motion model.

    `source`: 1 row with `kp`, as M reads it from the photo. `eye_open`: float32 [n, 2], `eye_ball`: float32 [n, 6], of
    the photo (eyes.py). `reference`: the published reference character (`ch_info`), which stands in for the face
    before the motion model, or None. `blink`: float32 [k, 63], the published `delta_eye_arr`, what a blink's k frames
    add to the expression, or None. `bounds`: float32 [2, 265], least and most of each motion dimension, or None.
    """

    source: Motion
    eye_open: Float32
    eye_ball: Float32
    reference: Guide | None = None
    blink: Float32 | None = None
    bounds: Float32 | None = None

    @property
    def guide(self) -> Guide:
        """The reference where there is one, else the face itself."""
        if self.reference is not None:
            return self.reference
        assert self.source.kp is not None, "M gives the canonical points"
        return Guide(self.source, self.source.kp[0], self.eye_open, self.eye_ball)

    @property
    def scale_ratio(self) -> float:
        """By how much the reference is larger than the photo: its expressions and turns count by so much more."""
        if self.reference is None:
            return 1.0
        return float(self.reference.motion.scale[0, 0]) / float(self.source.scale[0, 0])

    def clipped(self, vectors: Float32) -> Float32:
        """float32 [n, 265] within the bounds."""
        if self.bounds is None:
            return vectors
        return np.clip(vectors, self.bounds[0], self.bounds[1])
