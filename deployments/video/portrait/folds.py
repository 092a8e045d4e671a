"""The folds of a smile, from the nose past the corners of the mouth: they fade as the smile is taken back."""

import numpy as np

from deployments.contracts import Float32, Image
from deployments.video.portrait.crop import TEXTURE_SCALE
from deployments.video.portrait.curves import smoothstep
from deployments.video.portrait.geometry import Geometry
from deployments.video.sampling import blurred

LIFT_SHARE = 0.85
"""How much of a dark line's depth can be taken away; some of it is the skin's own."""
STEPS = 16
"""Strengths are rounded to this many steps."""


class Folds:
    """Two patches of the texture, right and left cheek, with their dark lines lifted."""

    def __init__(self, texture: Image, face: Geometry) -> None:
        self._patches = [_patch(texture, face, side) for side in (-1, 1)]
        self._kept: dict[int, list[Image]] = {}
        self._shown = 0

    def apply(self, texture: Image, strength: float) -> None:
        """Writes the cheeks into `texture`, uint8 [2h, 2w, 3 or more], lines lifted by `strength` 0..1. Patches are
        written whole, so nothing is left of the call before. Always the same `texture`, which starts as the photo."""
        level = round(float(np.clip(strength, 0, 1)) * STEPS)
        if level == self._shown:
            return
        self._shown = level
        if level not in self._kept:
            self._kept[level] = [
                np.clip(photo + lift * np.float32(level / STEPS) + np.float32(0.5), 0, 255).astype(np.uint8)
                for _, photo, lift in self._patches
            ]
        for (area, _, _), patch in zip(self._patches, self._kept[level], strict=True):
            texture[(*area, slice(0, 3))] = patch


def _patch(texture: Image, face: Geometry, side: int) -> tuple[tuple[slice, slice], Float32, Float32]:
    """(rows and columns of the texture, its pixels as float32, what lifting adds to them)."""
    a, scale = face.half_mouth, TEXTURE_SCALE
    corner = face.origin + face.rotation[0] * np.float32(side * 1.25 * a)
    reach_x, reach_y = 0.75 * a, 1.25 * a
    left, right = int((corner[0] - reach_x) * scale), int((corner[0] + reach_x) * scale)
    top, bottom = int((corner[1] - reach_y) * scale), int((corner[1] + reach_y) * scale)
    left, top = max(0, left), max(0, top)
    right, bottom = max(left + 1, min(right, texture.shape[1])), max(top + 1, min(bottom, texture.shape[0]))
    photo = texture[top:bottom, left:right].astype(np.float32)
    columns, rows = np.meshgrid(np.arange(left, right, dtype=np.float32), np.arange(top, bottom, dtype=np.float32))
    half = np.float32(0.5)
    x, y = face.to_face((columns + half) / np.float32(scale) - half, (rows + half) / np.float32(scale) - half)
    t = np.abs(x) / a
    # From beside the lips' corner outwards, and from the nose's wing down to beside the chin's boss.
    mask = smoothstep((t - 0.98) / 0.16) * (1 - smoothstep((t - 1.60) / 0.35))
    mask = mask * smoothstep((y + 1.15 * a) / (0.45 * a)) * (1 - smoothstep((y - 0.55 * a) / (0.5 * a)))
    soft = blurred(photo, max(2.0, 0.17 * a * scale))
    lift = np.clip(soft - photo, 0, None) * mask[..., None] * np.float32(LIFT_SHARE)
    return (slice(top, bottom), slice(left, right)), photo, lift.astype(np.float32)
