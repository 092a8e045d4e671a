"""A predicted frame's motion led over to the face of the photo.

In the published order: relative motion, expression mask and blink, muting, controls, fade, gaze, keypoints. Equal to
the published implementation's (tests/data/ditto/motion_stitch.npz) within 1e-6.
"""

from collections.abc import Iterable

import numpy as np

from deployments.contracts import Float32
from deployments.video.ditto.motion.character import Character
from deployments.video.ditto.motion.controls import Controls, Parts, changed, faded, muted
from deployments.video.ditto.motion.gaze import steadied
from deployments.video.ditto.motion.keypoints import keypoints
from deployments.video.ditto.motion.plan import MotionPlan
from deployments.video.ditto.sizes import POINTS
from deployments.video.ditto.types import Motion

_SCALED_BY_REFERENCE = ("exp", "pitch", "yaw", "roll")


def _dims(points: Iterable[int]) -> Float32:
    chosen = np.zeros((POINTS, 3), np.float32)
    chosen[list(points)] = 1
    return chosen.reshape(1, 3 * POINTS)


LIPS = _dims((6, 12, 14, 17, 19, 20))
EYES = _dims((11, 13, 15, 16, 18))


class Retarget:
    """Leads one stream's frames over. Stateless but for what it is made of."""

    def __init__(self, plan: MotionPlan, character: Character, origin: Float32) -> None:
        """`origin`: float32 [1 or 2, 265], clipped: the frame that motion is relative to, then the first frame given
        out, without which nothing can fade to it."""
        self._plan = plan
        self._source = _parts(character.source)
        self._blink = character.blink if plan.drive_eye else None
        ratio = character.scale_ratio
        self._keys = {
            key: np.float32(weight * (ratio if key in _SCALED_BY_REFERENCE else 1.0))
            for key, weight in plan.keys.items()
        }
        self._zero = _parts(Motion.from_vectors(origin[:1]))
        self._first = origin[1:2]

    def driven(self, vector: Float32, frame: int, blink_row: int, fade: float | None = None) -> Float32:
        """float32 [21, 3], the driving keypoints before they are stitched.

        `vector`: float32 [1, 265], clipped. `blink_row`: of the character's blink. `fade`: how much of the motion
        counts where the plan fades; the frame's own control goes before it.
        """
        parts = self._led(vector, frame, blink_row)
        own = self._controls(frame)
        fades = self._plan.fades
        alpha = fade if own.fade_alpha is None else own.fade_alpha
        if fades.kind and alpha is not None:
            parts = faded(parts, self._fade_target(), alpha, fades.keys)
        if self._plan.drive_eye:
            parts = steadied(parts, self._source)
        return keypoints(parts)

    def _controls(self, frame: int) -> Controls:
        own = self._plan.frame_controls.get(frame)
        return self._plan.controls if own is None else own.before(self._plan.controls)

    def _led(self, vector: Float32, frame: int, blink_row: int) -> Parts:
        """Mixed, masked, muted and changed: all before the fade."""
        parts = self._masked(self._mixed(_parts(Motion.from_vectors(vector))), blink_row)
        own = self._controls(frame)
        if own.vad_alpha is not None:
            parts = muted(parts, self._source, own.vad_alpha)
        return changed(parts, own)

    def _mixed(self, driving: Parts) -> Parts:
        """Relative: the photo's, and what the driving motion changed, on raw logits for angles. Else the driving motion
        itself. What is not driven is the photo's."""
        found = dict(self._source)
        for key, weight in self._keys.items():
            if self._plan.relative:
                found[key] = self._source[key] + (driving[key] - self._zero[key]) * weight
            else:
                found[key] = driving[key] * weight
        return found

    def _masked(self, parts: Parts, blink_row: int) -> Parts:
        """Of the expression only lips, and eyes where nothing else moves them, are the model's."""
        still = self._source["exp"]
        if self._plan.drive_eye and self._blink is None:
            return {**parts, "exp": parts["exp"] * (LIPS + EYES) + still * (1 - LIPS - EYES)}
        exp = parts["exp"] * LIPS + still * (1 - LIPS)
        if self._blink is not None:
            exp = exp + self._blink[blink_row][None] * EYES
        return {**parts, "exp": exp}

    def _fade_target(self) -> Parts:
        if self._plan.fades.kind == "s":
            return self._source
        row = self._plan.blinks.row(0, 0, -1) if self._blink is not None else 0
        return self._led(self._first, 0, row)


def _parts(motion: Motion) -> dict[str, Float32]:
    parts = {key: getattr(motion, key) for key in ("scale", "pitch", "yaw", "roll", "t", "exp", "kp")}
    return {key: value for key, value in parts.items() if value is not None}
