"""The mouth of one frame: two lips drawn apart over what lies between them, at the frame's full resolution."""

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.video.faces.indices import LOWER_SEAM, UPPER_SEAM
from deployments.video.portrait.crop import TEXTURE_SCALE
from deployments.video.portrait.curves import smoothstep
from deployments.video.portrait.fields import face_fields
from deployments.video.portrait.geometry import Geometry
from deployments.video.portrait.grids import Grid, Inverter, combine
from deployments.video.portrait.head_fields import HEAD_FIELDS, head_fields
from deployments.video.portrait.look import Look
from deployments.video.portrait.mouth_layers import paint
from deployments.video.portrait.pose import Pose
from deployments.video.portrait.shading import shading_maps
from deployments.video.portrait.tones import Tones
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
    """Draws the rectangle around one portrait's mouth. Works in pixels of a larger rectangle, the surroundings, from
    which displacements reach in."""

    def __init__(self, texture: Image, face: Geometry, tones: Tones, look: Look) -> None:
        self._face = face
        left, top, right, bottom = _rectangle(face)
        width, height = face.frame_size
        wide_left, wide_top = max(0, left - PAD), max(0, top - PAD)
        self._area = (slice(top, bottom), slice(left, right))
        self._texture_area = (slice(wide_top * TEXTURE_SCALE, None), slice(wide_left * TEXTURE_SCALE, None))
        wide = Grid.over(wide_left, wide_top, min(width, right + PAD), min(height, bottom + PAD), STEP)
        self._inner = Grid.over(left, top, right, bottom, STEP)
        self._inverter = Inverter(wide, self._inner.places())
        self._corner = np.zeros((*self._inner.x.shape, 2), np.float32) + np.array([wide_left, wide_top], np.float32)
        self._shape = (*wide.x.shape, 2)
        self._upper, self._lower, self._head = _bases(face, wide)
        shades = shading_maps(face, self._inner.x, self._inner.y) * np.float32(look.shading * tones.headroom)
        self._shades = np.ascontiguousarray(shades.reshape(len(shades), -1))
        x, y = np.meshgrid(
            np.arange(wide.left, wide.right, dtype=np.float32), np.arange(wide.top, wide.bottom, dtype=np.float32)
        )
        along, down = face.to_face(x, y)
        # How far below the upper seam, below the lower seam, and from the middle: read where a pixel comes from.
        self._from_upper = (down - face.seam_upper(along)).astype(np.float32)
        across = np.abs(along) / np.float32(face.half_mouth)
        self._from_lower = np.dstack([down - face.seam_lower(along), across]).astype(np.float32)
        self._layers = paint(texture, face, tones, look, x, y)
        self._fade = _border_fade(bottom - top, right - left)
        self._rest = _spread(1 - self._fade)

    def _sources(self, basis: Float32, weights: Float32, rounds: int) -> Float32:
        """Where each pixel of the rectangle comes from under these fields, in pixels of the surroundings."""
        field = combine(weights, basis).reshape(self._shape)
        return self._inner.enlarged(self._inverter(field, rounds) - self._corner)

    def draw(self, frame: Image, texture: Image, weights: Float32, shade: Float32, pose: Pose) -> None:
        """Draws over `frame`, uint8 [h, w, 3], in place. `texture`: uint8 [2h, 2w, 4]. `weights`: all fields';
        `shade`: how far each shading goes."""
        upper = self._sources(self._upper, weights, UPPER_ROUNDS)
        lower = self._sources(self._lower, weights, LOWER_ROUNDS)
        below_upper = sample(self._from_upper, upper)
        below_lower, across = cv2.split(sample(self._from_lower, lower))
        cover_upper = np.clip(0.5 - below_upper * np.float32(1 / EDGE), 0, 1)
        cover_lower = np.minimum(np.clip(0.5 + below_lower * np.float32(1 / EDGE), 0, 1), 1 - cover_upper)
        hole = (1 - cover_upper - cover_lower) * np.clip((0.99 - across) * 25, 0, 1)
        cover_lower = 1 - cover_upper - hole
        light = self._fade
        if np.abs(shade).max() > 0:
            gain = combine(shade, self._shades).reshape(self._inner.x.shape)
            light = light * (1 + self._inner.enlarged(gain))
        near = texture[self._texture_area]
        picture = _lit(near, upper, cover_upper * light) + _lit(near, lower, cover_lower * light)
        self._draw_inside(picture, hole, below_upper, weights, pose)
        here = frame[self._area]
        picture += here * self._rest
        np.copyto(here, cv2.convertScaleAbs(picture))

    def _draw_inside(self, picture: Float32, hole: Float32, below_upper: Float32, weights: Float32, pose: Pose) -> None:
        """Adds cavity, tongue and teeth where the lips leave a hole."""
        visible = hole > 0.01
        rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
        if not len(rows) or float(hole.max()) <= HOLE_MIN:
            return
        part = (
            slice(max(int(rows[0]) - 2, 0), int(rows[-1]) + 3),
            slice(max(int(columns[0]) - 2, 0), int(columns[-1]) + 3),
        )
        open_here = hole[part]
        skull = self._sources(self._head, weights[-len(HEAD_FIELDS) :], HEAD_ROUNDS)[part]
        inside = self._inside(skull, weights, float(pose.mouth[7]))
        inside *= self._light_inside(open_here, below_upper[part], inside, float(np.clip(pose.mouth[2], 0, 1)))
        if self._face.is_open and pose.speaking < 0.5:
            # At rest the inside is the photo's own.
            share = np.float32(smoothstep(pose.speaking / 0.5))
            inside = inside * share + sample(self._layers.photo, skull) * (1 - share)
        picture[part] += inside * _spread(open_here * (255 * self._fade[part]))

    def _inside(self, skull: Float32, weights: Float32, tongue: float) -> Float32:
        """Tongue and teeth over the cavity, unlit, float32 [h, w, 3]. `skull`: where the head alone has each pixel."""
        face, layers = self._face, self._layers
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
        return inside

    def _light_inside(self, hole: Float32, below_upper: Float32, inside: Float32, rounded: float) -> Float32:
        """What the inside is multiplied by, float32 [h, w, 3]: lips keep the light off what is close behind them, the
        upper lip most, and rounded lips all round."""
        window = 2 * int(0.10 * self._face.half_mouth) + 1
        openness = smoothstep((np.asarray(cv2.blur(hole, (window, window)), np.float32) - 0.30) / 0.62)
        under_lip = smoothstep(below_upper / (0.14 * self._face.half_mouth))
        light = (0.48 + 0.52 * openness) * (0.82 + 0.18 * under_lip) * (1 - 0.32 * rounded)
        lit = np.stack([light**power for power in self._layers.reddening], -1)
        # The lips' wet inner side, not black, is what surrounds the opening.
        rim = (1 - openness) * (0.80 + 0.10 * rounded)
        shown = inside * lit
        dark = np.clip(1.6 - 4 * shown.max(-1), 0, 1)
        lined = shown + (self._layers.lining - shown) * (rim * dark)[..., None]
        return np.asarray(lined / np.maximum(inside, 1e-4), np.float32)


def _bases(face: Geometry, grid: Grid) -> tuple[Float32, Float32, Float32]:
    """All fields as the upper lip's layer has them, as the lower lip's has them, and the head's alone: [fields, n]."""
    head = head_fields(face, grid.x, grid.y)
    upper, lower = (np.concatenate([face_fields(face, grid.x, grid.y, side), head]) for side in (True, False))
    return tuple(np.ascontiguousarray(part.reshape(len(part), -1)) for part in (upper, lower, head))  # type: ignore[return-value]


def _border_fade(height: int, width: int) -> Float32:
    """1 inside the rectangle, 0 at its border: [h, w]."""
    rows = np.minimum(np.arange(height), height - 1 - np.arange(height))[:, None]
    columns = np.minimum(np.arange(width), width - 1 - np.arange(width))[None]
    return smoothstep(np.minimum(rows, columns).astype(np.float32) / BORDER_FADE)


def _spread(share: Float32) -> Float32:
    """One channel as three: numpy multiplies [h, w, 3] by [h, w, 1] three numbers at a time."""
    return np.asarray(cv2.merge([share, share, share]), np.float32)


def _lit(texture: Image, where: Float32, share: Float32) -> Float32:
    """The texture's colours at pixels of the surroundings, times `share`: float32 [h, w, 3], 0..255."""
    colours = sample(texture, where * np.float32(TEXTURE_SCALE) + _HALF)
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_BGRA2BGR), np.uint8) * _spread(share)
