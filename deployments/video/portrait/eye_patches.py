"""Eyes that blink and look aside: small patches of the texture, remade for each frame."""

import cv2
import numpy as np

from deployments.contracts import Image
from deployments.video.faces import indices as at
from deployments.video.portrait.curves import smoothstep
from deployments.video.portrait.eye_shape import EyeShape, eye_shape
from deployments.video.portrait.geometry import Geometry
from deployments.video.portrait.lids import lid_skin, paint_lid
from deployments.video.portrait.tones import Tones

BLINK_LEVELS = 12
"""Lids are painted at this many stages of a blink; a frame shows the nearest."""


class Eye:
    """One eye of one portrait."""

    def __init__(self, texture: Image, shape: EyeShape, glasses: bool, tones: Tones) -> None:
        self._shape = shape
        self._texture = texture
        self._photo = texture[shape.top : shape.bottom, shape.left : shape.right].copy()
        self._ball = _Ball(texture, shape)
        skin = lid_skin(texture, shape, glasses, tones)
        self._lids = [paint_lid(texture, shape, skin, level / BLINK_LEVELS) for level in range(1, BLINK_LEVELS + 1)]

    @property
    def area(self) -> tuple[slice, slice]:
        """Rows and columns of the texture that the patch covers."""
        return slice(self._shape.top, self._shape.bottom), slice(self._shape.left, self._shape.right)

    def patch(self, blink: float, gaze_x: float, gaze_y: float, reach: float) -> Image:
        """uint8 [h, w, 3]. `reach`: farthest eye movement as a share of the white beside the iris."""
        gaze_x, gaze_y = float(np.clip(gaze_x, -1, 1)), float(np.clip(gaze_y, -1, 1))
        base = self._photo
        if abs(gaze_x) > 0.01 or abs(gaze_y) > 0.01:
            base = base.copy()
            base[self._ball.area] = self._ball.looking(gaze_x * reach, gaze_y * reach)
            # The upper lid follows an eye that looks down.
            blink = blink + (1 - blink) * 0.25 * reach * max(0.0, -gaze_y)
        level = round(float(np.clip(blink, 0, 1)) * BLINK_LEVELS)
        if level == 0:
            return base
        cover, keep = self._lids[level - 1]
        return np.asarray(cv2.add(cv2.multiply(base, keep, scale=1 / 255), cover), np.uint8)


class _Ball:
    """The eyeball in its opening, which turns under still lids."""

    def __init__(self, texture: Image, shape: EyeShape) -> None:
        inside = np.minimum(shape.v - shape.upper, shape.lower - shape.v) - np.float32(0.5)
        seen = smoothstep(inside / 1.2)
        rows, columns = np.nonzero(seen > 0)
        if not len(rows):
            rows, columns = np.array([0]), np.array([0])
        self.area = slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1)
        self._part = part = shape.part(self.area)
        self._texture = texture
        self._photo = texture[part.top : part.bottom, part.left : part.right].astype(np.float32)
        self._seen = seen[self.area][..., None]
        self._corner = 0.48 * part.span
        self._widest = max(float(part.opening.max()), 1e-3)
        self._slide = 0.45 * self._widest * smoothstep(part.opening / (0.6 * self._widest))
        edge = np.minimum(1.2, 0.4 * part.opening)
        self._highest, self._lowest = part.upper + edge, np.maximum(part.lower - edge, part.upper + edge)

    def looking(self, gaze_x: float, gaze_y: float) -> Image:
        """The opening's pixels, uint8, eyes turned by these shares of the white beside the iris and of the opening.

        The iris moves whole; the white beside it is squeezed on one side and stretched on the other, a piecewise
        linear map that keeps the corners. Vertically the ball slides under the lids.
        """
        part, corner = self._part, self._corner
        left, right = part.iris_u - 1.05 * part.iris_radius, part.iris_u + 1.05 * part.iris_radius
        shift = gaze_x * max(0.0, min(left + corner, corner - right))
        from_u = np.interp(part.u, [-corner, left + shift, right + shift, corner], [-corner, left, right, corner])
        u = np.where(np.abs(part.u) < corner, from_u, part.u).astype(np.float32)
        v = np.clip(part.v + np.float32(gaze_y) * self._slide, self._highest, self._lowest)
        turned = part.moved(self._texture, u, v)
        mixed = self._photo + (turned - self._photo) * self._seen
        return np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


def eyes_of(texture: Image, face: Geometry, glasses: bool, tones: Tones) -> list[Eye]:
    """The person's right and left eye."""
    flat = face.points[:, :2]
    parts = (
        (at.RIGHT_UPPER_LID, at.RIGHT_LOWER_LID, at.RIGHT_IRIS),
        (at.LEFT_UPPER_LID, at.LEFT_LOWER_LID, at.LEFT_IRIS),
    )
    return [Eye(texture, eye_shape(texture, flat, *part), glasses, tones) for part in parts]
