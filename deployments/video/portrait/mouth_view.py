"""The mouth of one frame: two lips drawn apart over what lies between them, at the frame's full resolution."""

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.video.faces.indices import LOWER_SEAM, UPPER_SEAM
from deployments.video.portrait.crop import TEXTURE_SCALE
from deployments.video.portrait.curves import smoothstep
from deployments.video.portrait.fields import face_fields
from deployments.video.portrait.geometry import Geometry
from deployments.video.portrait.grids import Grid, combine, invert
from deployments.video.portrait.head_fields import HEAD_FIELDS, head_fields
from deployments.video.portrait.look import Look
from deployments.video.portrait.mouth_layers import paint
from deployments.video.portrait.pose import Pose
from deployments.video.portrait.shading import shading_maps
from deployments.video.portrait.tones import measure_tones
from deployments.video.sampling import sample

STEP = 3
"""Frame pixels between the points of the mouth's displacement grid; finer than the head's, for the lips' sake."""
PAD = 24
"""Pixels by which the grid is larger than the rectangle drawn: displacements reach in from there."""
EDGE = 1.3
"""Softness of the lips' edge, frame pixels."""
BORDER_FADE = 6
"""Pixels over which the rectangle fades into the rest of the frame."""
UPPER_ROUNDS, LOWER_ROUNDS, HEAD_ROUNDS = 4, 6, 2
HOLE_MIN = 0.03

_HALF = np.float32((TEXTURE_SCALE - 1) / 2)


def _rectangle(face: Geometry) -> tuple[int, int, int, int]:
    """(left, top, right, bottom): from the nose to where an open mouth's lower lip comes to, past the corners."""
    a, x = face.half_mouth, face.origin[0]
    upper = float(face.points[UPPER_SEAM[5], 1])
    lower = float(face.points[LOWER_SEAM[5], 1])
    width, height = face.frame_size
    margin = 10
    left, right = int(x - 1.6 * a) - margin, int(x + 1.6 * a) + margin
    top = int(upper - 0.95 * face.nose_gap) - margin
    bottom = int(lower + min(1.1 * face.chin_depth, 1.75 * a)) + margin
    return max(0, left), max(0, top), min(width, right), min(height, bottom)


class MouthView:
    """Draws the rectangle around one portrait's mouth."""

    def __init__(self, texture: Image, face: Geometry, look: Look) -> None:
        self._face = face
        self.left, self.top, self.right, self.bottom = left, top, right, bottom = _rectangle(face)
        wide = Grid.over(left - PAD, top - PAD, right + PAD, bottom + PAD, STEP)
        head = head_fields(face, wide.x, wide.y)
        self._grid = wide
        self._inner = Grid.over(left, top, right, bottom, STEP)
        self._places = self._inner.places()
        self._shape = (*wide.x.shape, 2)
        count = len(head)
        self._upper, self._lower = (
            np.ascontiguousarray(
                np.concatenate([face_fields(face, wide.x, wide.y, side), head]).reshape(-1, wide.x.size * 2)
            )
            for side in (True, False)
        )
        self._head = np.ascontiguousarray(head.reshape(count, -1))
        self._shades = np.ascontiguousarray(
            shading_maps(face, self._inner.x, self._inner.y).reshape(-1, self._inner.x.size) * np.float32(look.shading)
        )
        self._origin = np.array([left - PAD, top - PAD], np.float32)
        x, y = np.meshgrid(
            np.arange(left - PAD, right + PAD, dtype=np.float32), np.arange(top - PAD, bottom + PAD, dtype=np.float32)
        )
        along, down = face.to_face(x, y)
        # How far below the upper seam, above the lower seam, and from the middle: read where a pixel comes from.
        self._from_upper = (down - face.seam_upper(along)).astype(np.float32)
        self._from_lower = np.dstack([down - face.seam_lower(along), np.abs(along) / face.half_mouth]).astype(
            np.float32
        )
        self._layers = paint(texture, face, measure_tones(texture, face), look, x, y)
        self._fade = self._border_fade()

    def _border_fade(self) -> Float32:
        height, width = self.bottom - self.top, self.right - self.left
        rows = np.minimum(np.arange(height), height - 1 - np.arange(height))[:, None]
        columns = np.minimum(np.arange(width), width - 1 - np.arange(width))[None]
        return smoothstep(np.minimum(rows, columns)[..., None].astype(np.float32) / BORDER_FADE)

    def _sources(self, basis: Float32, weights: Float32, rounds: int) -> Float32:
        """Where each pixel of the rectangle comes from under these fields, in frame pixels."""
        field = combine(weights, basis).reshape(self._shape)
        return self._inner.enlarged(invert(field, self._grid, self._places, rounds))

    def draw(self, frame: Image, texture: Image, weights: Float32, shade: Float32, pose: Pose) -> None:
        """Draws over `frame`, uint8 [h, w, 3], in place. `weights`: all fields'; `shade`: how far each shading goes."""
        upper = self._sources(self._upper, weights, UPPER_ROUNDS)
        lower = self._sources(self._lower, weights, LOWER_ROUNDS)
        below_upper = sample(self._from_upper, upper - self._origin)
        above_lower = sample(self._from_lower, lower - self._origin)
        cover_upper = np.clip(0.5 - below_upper * np.float32(1 / EDGE), 0, 1)
        cover_lower = np.minimum(np.clip(0.5 + above_lower[..., 0] * np.float32(1 / EDGE), 0, 1), 1 - cover_upper)
        hole = (1 - cover_upper - cover_lower) * np.clip((0.99 - above_lower[..., 1]) * 25, 0, 1)
        cover_lower = 1 - cover_upper - hole
        scale = np.float32(TEXTURE_SCALE)
        picture = sample(texture, upper * scale + _HALF)[..., :3] * cover_upper[..., None]
        picture += sample(texture, lower * scale + _HALF)[..., :3] * cover_lower[..., None]
        if np.abs(shade).max() > 0:
            gain = self._inner.enlarged(combine(shade, self._shades).reshape(self._inner.x.shape))
            picture *= 1 + gain[..., None]
        self._draw_inside(picture, hole, below_upper, weights, pose)
        here = frame[self.top : self.bottom, self.left : self.right]
        mixed = picture * self._fade + here * (1 - self._fade)
        np.copyto(here, cv2.convertScaleAbs(mixed))

    def _draw_inside(self, picture: Float32, hole: Float32, below_upper: Float32, weights: Float32, pose: Pose) -> None:
        """Adds cavity, tongue and teeth where the lips leave a hole."""
        if float(hole.max()) <= HOLE_MIN:
            return
        rows, columns = np.nonzero(hole > 0.01)
        top, bottom = max(int(rows.min()) - 2, 0), int(rows.max()) + 3
        left, right = max(int(columns.min()) - 2, 0), int(columns.max()) + 3
        part = (slice(top, bottom), slice(left, right))
        visible = hole[part]
        skull = self._sources(self._head, weights[-len(HEAD_FIELDS) :], HEAD_ROUNDS)[part] - self._origin
        face, layers = self._face, self._layers
        rounded, tongue, speaking = float(np.clip(pose.mouth[2], 0, 1)), float(pose.mouth[7]), pose.speaking
        jaw = face.down * np.float32(0.80 * float(weights[0]) + 0.35 * float(weights[4]))
        raised = face.down * np.float32(tongue * 0.40 * face.half_mouth)
        inside = sample(layers.cavity, skull)
        for layer, place in (
            (layers.tongue, skull - jaw * np.float32(0.38) + raised),
            (layers.lower_teeth, skull - jaw),
            (layers.upper_teeth, skull),
        ):
            over = sample(layer, place, border=cv2.BORDER_CONSTANT)
            inside = inside * (1 - over[..., 3:]) + over[..., :3]
        # Lips keep the light off what is close behind them, the upper lip most.
        window = 2 * int(0.10 * face.half_mouth) + 1
        openness = smoothstep((np.asarray(cv2.blur(visible, (window, window)), np.float32) - 0.30) / 0.62)
        under_lip = smoothstep(below_upper[part] / (0.14 * face.half_mouth))
        light = (0.62 + 0.38 * openness) * (0.76 + 0.24 * under_lip) * (1 - 0.32 * rounded)
        # Light that has been between the lips comes back redder.
        inside = np.asarray(inside * light[..., None] ** np.array([1.25, 1.15, 0.85]), np.float32)
        # The lips' wet inner side, not black, is what surrounds the opening.
        rim = ((1 - openness) * (0.55 + 0.25 * rounded))[..., None]
        dark = np.clip(1.6 - 4 * inside.max(-1, keepdims=True), 0, 1)
        inside = np.asarray(inside + (layers.lining - inside) * rim * dark, np.float32)
        if face.is_open and speaking < 0.5:
            # At rest the inside is the photo's own.
            share = float(smoothstep(speaking / 0.5))
            inside = inside * np.float32(share) + sample(layers.photo, skull) * np.float32(1 - share)
        picture[part] += inside * (255 * visible)[..., None]
