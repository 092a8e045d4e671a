"""Measures of one eye over its patch of the texture.

Eye axes, in frame pixels: origin midway between the eye's corners, u towards the picture's right corner, v down.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32, Image
from deployments.video.portrait.crop import TEXTURE_SCALE
from deployments.video.portrait.curves import Curve
from deployments.video.sampling import sample


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
