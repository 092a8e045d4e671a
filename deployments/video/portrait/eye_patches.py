"""Eyes that blink and look aside: small patches of the texture, remade for each frame.

Eye axes, in frame pixels: origin midway between the eye's corners, u towards the picture's right corner, v down.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32, Image
from deployments.video.faces import indices as at
from deployments.video.portrait.crop import TEXTURE_SCALE
from deployments.video.portrait.curves import Curve, bell, smoothstep
from deployments.video.portrait.geometry import Geometry
from deployments.video.sampling import blurred, sample

BLINK_LEVELS = 12
"""Lids are painted at this many stages of a blink; a frame shows the nearest."""
SHUT = 0.93
"""Share of the opening that the upper lid covers in a full blink; the lower lid comes up for the rest."""


@dataclass(frozen=True, slots=True)
class EyeShape:
    """One eye over its patch. `place`: the patch pixels in frame coordinates; `u`, `v` in eye axes; `upper`, `lower`:
    the lids' edges at each pixel's u; `span`: the eye's length; `axis`: unit vector of u in the frame;
    `iris_u`, `iris_radius` in eye axes."""

    left: int
    top: int
    right: int
    bottom: int
    place: Float32
    u: Float32
    v: Float32
    upper: Float32
    lower: Float32
    span: float
    axis: Float32
    iris_u: float
    iris_radius: float

    @property
    def opening(self) -> Float32:
        return np.asarray(np.clip(self.lower - self.upper, 0, None), np.float32)

    def part(self, area: tuple[slice, slice]) -> "EyeShape":
        """The same eye over a part of its patch."""
        rows, columns = area
        return replace(
            self,
            left=self.left + columns.start,
            top=self.top + rows.start,
            right=self.left + columns.stop,
            bottom=self.top + rows.stop,
            **{name: getattr(self, name)[area] for name in ("place", "u", "v", "upper", "lower")},
        )

    def moved(self, texture: Image, u: Float32, v: Float32) -> Float32:
        """The texture at other eye coordinates: float32 [h, w, 3], 0..255."""
        along, down = u - self.u, v - self.v
        x = self.place[..., 0] + along * self.axis[0] - down * self.axis[1]
        y = self.place[..., 1] + along * self.axis[1] + down * self.axis[0]
        where = (np.dstack([x, y]) + np.float32(0.5)) * np.float32(TEXTURE_SCALE) - np.float32(0.5)
        return sample(texture, where, cv2.INTER_LINEAR).astype(np.float32)


def eye_shape(
    texture: Image,
    points: Float32,
    upper: npt.NDArray[np.int64],
    lower: npt.NDArray[np.int64],
    iris: slice,
) -> EyeShape:
    """Measures one eye. points: float32 [478, 2] in frame pixels; the others: which of them are what."""
    lid_upper, lid_lower = points[upper], points[lower]
    centre, across = (lid_upper[0] + lid_upper[-1]) / 2, lid_upper[-1] - lid_upper[0]
    span = float(np.linalg.norm(across))
    axis = (across / span).astype(np.float32)
    low = np.floor((centre - np.array([0.95, 0.95]) * span) * TEXTURE_SCALE).astype(int)
    high = np.ceil((centre + np.array([0.95, 0.75]) * span) * TEXTURE_SCALE).astype(int)
    left, top = max(0, int(low[0])), max(0, int(low[1]))
    right, bottom = min(texture.shape[1], int(high[0])), min(texture.shape[0], int(high[1]))
    columns = (np.arange(left, right, dtype=np.float32) + 0.5) / TEXTURE_SCALE - 0.5
    rows = (np.arange(top, bottom, dtype=np.float32) + 0.5) / TEXTURE_SCALE - 0.5
    place = np.dstack(np.meshgrid(columns, rows)).astype(np.float32)

    def local(where: Float32) -> Float32:
        offset = where - centre.astype(np.float32)
        return np.stack([offset @ axis, offset @ np.array([-axis[1], axis[0]], np.float32)], -1)

    here, top_edge, low_edge = local(place), local(lid_upper), local(lid_lower)
    u = here[..., 0]
    upper_edge = Curve(top_edge[:, 0], top_edge[:, 1])(u)
    lower_edge = Curve(low_edge[:, 0], low_edge[:, 1])(u)
    rim = local(points[iris])
    return EyeShape(
        left=left,
        top=top,
        right=right,
        bottom=bottom,
        place=place,
        u=u,
        v=here[..., 1],
        upper=upper_edge,
        lower=lower_edge,
        span=span,
        axis=axis,
        iris_u=float(rim[0, 0]),
        iris_radius=float(np.linalg.norm(rim[1:] - rim[0], axis=1).mean()),
    )


class Eye:
    """One eye of one portrait."""

    def __init__(self, texture: Image, shape: EyeShape, glasses: bool) -> None:
        self._shape = shape
        self._texture = texture
        self._photo = texture[shape.top : shape.bottom, shape.left : shape.right].copy()
        self._ball = _Ball(texture, shape)
        self._lids = [paint_lid(texture, shape, level / BLINK_LEVELS, glasses) for level in range(1, BLINK_LEVELS + 1)]

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


def paint_lid(texture: Image, s: EyeShape, closing: float, glasses: bool) -> tuple[Image, Image]:
    """What a blink at this stage (0..1) paints over the eyeball: the paint, and what share (0..255) of the eye stays.

    The lid that comes down was folded away in the photo. It is painted in the colours of the skin above and below
    the eye (only below, under glasses, whose rims are above), a little vaulted, with a line of lashes at its edge.
    """
    opening = s.opening
    widest = max(float(opening.max()), 1e-3)
    margin = s.upper + opening * np.float32(closing * SHUT)
    lash_height = 0.28 * s.span * float(smoothstep(closing * 1.5))
    skin = _lid_skin(texture, s, widest, 0.12 if glasses else 0.55)
    height = np.clip((s.v - (s.upper - lash_height)) / np.maximum(margin - s.upper + lash_height, 0.5), 0, 1)
    vault = (
        (0.93 if glasses else 0.90)
        + 0.05 * np.sin(np.pi * np.clip(height * 1.1 - 0.1, 0, 1))
        - 0.07 * smoothstep((height - 0.75) / 0.25)
    )
    crease = bell(s.v - s.upper + 0.09 * s.span, 0.045 * s.span + 0.25) * (opening > 0.1 * widest)
    # Skin in shade is redder, not greyer.
    lid = skin * vault[..., None] ** np.array([1.5, 1.15, 0.7]) * (1 - 0.10 * closing * crease[..., None])
    lid = np.asarray(_with_lashes(lid, texture, s, margin, closing), np.float32)
    # The lower lid comes up a little.
    from_below = s.v + 0.12 * opening * closing * bell(s.v - s.lower, 0.5 * widest)
    below = s.moved(texture, s.u, from_below.astype(np.float32))
    within = smoothstep((0.54 * s.span - np.abs(s.u)) / (0.20 * s.span)) * smoothstep(opening / (0.25 * widest))
    top = smoothstep((s.v - (s.upper - lash_height)) / (0.20 * s.span + 0.3))
    lashes_below = 0.035 * s.span * smoothstep(closing * 3)
    covered = smoothstep((margin + lashes_below + 0.6 - s.v) / 1.2) * top * within
    raised = smoothstep(s.v - (s.lower - 0.12 * opening * closing) + 0.5) * (1 - covered) * within
    fade = np.clip(_from_border(s.place) / 4, 0, 1)
    covered, raised = np.asarray(covered * fade), np.asarray(raised * fade)
    paint = lid * covered[..., None] + below * raised[..., None]
    keep = np.repeat((1 - covered - raised)[..., None], 3, 2)
    return np.clip(paint + 0.5, 0, 255).astype(np.uint8), np.clip(keep * 255 + 0.5, 0, 255).astype(np.uint8)


def _lid_skin(texture: Image, s: EyeShape, widest: float, from_above: float) -> Float32:
    """float32 [h, w, 3]: skin without lashes or folds, from a share of what is above the eye and the rest below."""
    around = texture[s.top : s.bottom, s.left : s.right].copy()
    soft = np.asarray(cv2.medianBlur(around, 5), np.uint8)
    whole = texture.copy()
    whole[s.top : s.bottom, s.left : s.right] = blurred(soft, 0.06 * s.span * TEXTURE_SCALE)
    over = s.moved(whole, s.u, s.upper - np.float32(0.30 * s.span))
    under = s.moved(whole, s.u, s.lower + np.float32(0.16 * s.span + 0.12 * widest))
    mixed = over * np.float32(from_above) + under * np.float32(1 - from_above)
    return blurred(mixed.astype(np.float32), 0.05 * s.span * TEXTURE_SCALE)


def _with_lashes(lid: Float32, texture: Image, s: EyeShape, margin: Float32, closing: float) -> Float32:
    """The lid with its line of lashes, in the darkest colour around the eye."""
    patch = texture[s.top : s.bottom, s.left : s.right].reshape(-1, 3).astype(np.float32)
    light = patch.sum(1)
    ink = np.median(patch[light <= np.percentile(light, 4)], 0)
    along = np.clip(1 - (np.abs(s.u) / (0.53 * s.span)) ** 4, 0, 1)
    thickness = 0.038 * s.span + 0.30
    line = bell(s.v - margin - 0.010 * s.span, thickness) * along * smoothstep(closing * 3) * np.float32(0.82)
    return np.asarray(lid * (1 - line[..., None]) + ink * line[..., None], np.float32)


def _from_border(place: Float32) -> Float32:
    """Distance to the nearest side of the patch, frame pixels."""
    x, y = place[..., 0], place[..., 1]
    return np.asarray(np.minimum.reduce([x - x.min(), x.max() - x, y - y.min(), y.max() - y]), np.float32)


def eyes_of(texture: Image, face: Geometry, glasses: bool) -> list[Eye]:
    """The person's right and left eye."""
    flat = face.points[:, :2]
    parts = (
        (at.RIGHT_UPPER_LID, at.RIGHT_LOWER_LID, at.RIGHT_IRIS),
        (at.LEFT_UPPER_LID, at.LEFT_LOWER_LID, at.LEFT_IRIS),
    )
    return [Eye(texture, eye_shape(texture, flat, *part), glasses) for part in parts]
