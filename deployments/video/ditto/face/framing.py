"""How much of a photo the canvas shows, and what it shows beyond the photo's edges."""

from dataclasses import dataclass

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.video.ditto.face.settings import FaceSettings
from deployments.video.faces.indices import CHIN, FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK
from deployments.video.sampling import blurred, resized

FACE_PROPORTION = 1.45
"""Forehead to chin over the width of a usual face: a longer one takes its share by its length."""
EDGE_BLUR = 0.04
"""Sigma of the blur of what continues the photo's edges, over the canvas's width."""
FAR_BLUR = 4.0
"""How many times as much farther out: bars turn to a haze."""


Reach = tuple[float, float, float, float]
"""Left, top, right and bottom edge of a part of a photo, in its pixels; beyond it where they are negative or larger."""


@dataclass(frozen=True, slots=True)
class View:
    """The part of a photo that fills the canvas. `left`, `top`: its corner in photo pixels, counted from the corner of
    the first one; `step`: photo pixels per canvas pixel."""

    left: float
    top: float
    step: float

    def to_canvas(self) -> Float32:
        """float32 [3, 3] from photo pixels to canvas pixels, both counted at their centres."""
        zoom = 1 / self.step
        x, y = (0.5 - self.left) * zoom - 0.5, (0.5 - self.top) * zoom - 0.5
        return np.array([[zoom, 0, x], [0, zoom, y], [0, 0, 1]], np.float32)

    def reach(self, canvas: tuple[int, int]) -> Reach:
        """What of the photo is shown."""
        return self.left, self.top, self.left + canvas[0] * self.step, self.top + canvas[1] * self.step

    def moved(self, across: int, down: int) -> "View":
        """The same view of the photo after its corner has moved by so many pixels."""
        return View(self.left + across, self.top + down, self.step)


def limited(photo: Image, side_max: int) -> Image:
    """The photo with its longer side `side_max` at most and both sides even (spec 3.3)."""
    height, width = photo.shape[:2]
    shrink = max(height, width) / side_max
    if shrink > 1:
        photo = resized(photo, (max(2, round(width / shrink)), max(2, round(height / shrink))), cv2.INTER_AREA)
    return photo[: photo.shape[0] // 2 * 2, : photo.shape[1] // 2 * 2]


def frame(mesh: Float32, photo_size: tuple[int, int], canvas: tuple[int, int], settings: FaceSettings) -> View:
    """Where the canvas lies on the photo. `mesh`: float32 [478, 3] in photo pixels; sizes are (width, height).

    The face gets its share of the width as far as the photo reaches; on a smaller photo it gets up to its largest
    share; what is missing even then lies beyond the photo.
    """
    width, height = canvas
    across = float(np.linalg.norm(mesh[LEFT_CHEEK, :2] - mesh[RIGHT_CHEEK, :2]))
    down = float(np.linalg.norm(mesh[FOREHEAD, :2] - mesh[CHIN, :2]))
    face = max(across, down / FACE_PROPORTION)
    wanted = face / (settings.face_share * width)
    closest = face / (max(settings.face_share, settings.face_share_max) * width)
    inside = min(photo_size[0] / width, photo_size[1] / height)
    step = max(min(wanted, max(inside, closest)), 1 / settings.enlargement_max)
    middle = (mesh[FOREHEAD, :2] + mesh[CHIN, :2]) / 2
    corner = (float(middle[0]) - width * step / 2, float(middle[1]) - settings.face_height * height * step)
    rooms = (photo_size[0] - width * step, photo_size[1] - height * step)
    left, top = (float(np.clip(at, min(0.0, room), max(0.0, room))) for at, room in zip(corner, rooms, strict=True))
    return View(left, top, step)


def extended(photo: Image, reach: Reach, sigma: float) -> tuple[Image, int, int]:
    """The photo with as much added to its sides as `reach` asks for, and how far its corner has moved across and down.

    What is added continues the pixels of the edge, the more blurred the farther they are, by `sigma` pixels and more:
    black there, as published, would creep into the picture with every movement of the head. A photo that reaches far
    enough is returned as it is.
    """
    height, width = photo.shape[:2]
    # A hundredth of a pixel is the rounding of what was fitted to the photo.
    left, top, right, bottom = (
        max(0, int(np.ceil(missing - 0.01))) for missing in (-reach[0], -reach[1], reach[2] - width, reach[3] - height)
    )
    if not (left or top or right or bottom):
        return photo, 0, 0
    wide = cv2.copyMakeBorder(photo, top, bottom, left, right, cv2.BORDER_REPLICATE)
    x, y = np.arange(wide.shape[1]) - left, np.arange(wide.shape[0]) - top
    outside_x, outside_y = np.maximum(np.maximum(-x, x - width + 1), 0), np.maximum(np.maximum(-y, y - height + 1), 0)
    distance = np.hypot(outside_x[None], outside_y[:, None])
    mixed = wide.astype(np.float32)
    for blur in (sigma, FAR_BLUR * sigma):
        share = np.minimum(distance / (2 * blur), 1).astype(np.float32)[..., None]
        mixed += share * (blurred(wide, blur) - mixed)
    return np.rint(mixed).astype(np.uint8), left, top


def show(photo: Image, view: View, canvas: tuple[int, int]) -> Image:
    """The canvas: uint8 [h, w, 3]. Where the photo has more pixels it is smoothed first, so that none is left out."""
    source = blurred(photo, 0.42 * view.step) if view.step > 1.3 else photo
    shown = cv2.warpAffine(source, view.to_canvas()[:2], canvas, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return shown.astype(np.uint8, copy=False)
