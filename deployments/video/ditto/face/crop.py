"""A face's crop: a square, turned with the face, that is placed by its landmarks (spec 3.3)."""

from dataclasses import dataclass

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.video.ditto.face.points import axis_of
from deployments.video.sampling import resized

FIRST_PIXELS = 224
"""Side of the crop that the network of the 203 landmarks sees."""
FIRST_SCALE, FIRST_RISE = 1.5, -0.1
CROP_SCALE, CROP_RISE = 2.3, -0.125


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """Where a crop lies. `matrix`: float32 [3, 3], from photo pixels to crop pixels (M_o2c); `inverse`: float32 [3, 3],
    back (M_c2o). `pixels`: side of the crop. `side`: side of its square in photo pixels."""

    matrix: Float32
    inverse: Float32
    pixels: int
    side: float


def _axes(landmarks: Float32) -> Float32:
    """float32 [2, 2]: unit vectors along the eyes and from the eyes to the mouth, the face's own right and down."""
    points = axis_of(len(landmarks))
    eyes = (landmarks[points.first_eye].mean(0) + landmarks[points.second_eye].mean(0)) / 2
    down = landmarks[points.mouth].mean(0) - eyes
    length = float(np.linalg.norm(down))
    # Points that fall together say nothing of a direction: upright then.
    down = down / np.float32(length) if length > 1e-3 else np.array([0, 1], np.float32)
    return np.array([[down[1], -down[0]], down], np.float32)


def place(landmarks: Float32, pixels: int, scale: float, rise: float, upright: bool = True) -> Crop:
    """The crop of `pixels` a side that landmarks ask for: float32 [203 | 106 | len(MESH_OUTLINE), 2] in photo pixels.

    Their bounding square in the face's own axes, `scale` times as large, moved along the face by `rise` times its side
    (negative: towards the forehead). `upright` turns the crop so that the face stands straight in it.
    """
    axes = _axes(landmarks)
    own = landmarks @ axes.T
    low, high = own.min(0), own.max(0)
    side = float((high - low).max()) * scale
    middle = (low + high) / 2 @ axes + axes[1] * np.float32(rise * side)
    angle = float(np.arccos(np.clip(axes[0, 0], -1, 1))) * (-1 if axes[0, 1] < 0 else 1) if upright else 0.0
    zoom, half = pixels / side, pixels / 2
    cosine, sine = zoom * np.cos(angle), zoom * np.sin(angle)
    x, y = float(middle[0]), float(middle[1])
    matrix = np.array(
        [[cosine, sine, half - cosine * x - sine * y], [-sine, cosine, half + sine * x - cosine * y], [0, 0, 1]],
        np.float32,
    )
    return Crop(matrix, np.linalg.inv(matrix).astype(np.float32), pixels, side)


def cut(photo: Image, crop: Crop) -> Image:
    """The crop's pixels: uint8 [pixels, pixels, 3], colours in the photo's order, black outside the photo.

    Bilinear, as published, down to half the photo's resolution; where the photo has more, it is shrunk by area first:
    four neighbours are no mean of what lies between.
    """
    matrix, shrink = crop.matrix, crop.side / (2 * crop.pixels)
    if shrink > 1:
        height, width = photo.shape[:2]
        size = max(1, round(width / shrink)), max(1, round(height / shrink))
        photo = resized(photo, size, cv2.INTER_AREA)
        across, down = width / size[0], height / size[1]
        # Pixel centres: pixel x of the shrunk photo covers (x + 1/2) * across - 1/2 of the photo.
        back = np.array([[across, 0, across / 2 - 0.5], [0, down, down / 2 - 0.5], [0, 0, 1]])
        matrix = (crop.matrix @ back).astype(np.float32)
    size = (crop.pixels, crop.pixels)
    return cv2.warpAffine(photo, matrix[:2], size, flags=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


def moved(points: Float32, matrix: Float32) -> Float32:
    """float32 [n, 2] points through a [3, 3] matrix without perspective."""
    return np.asarray(points[:, :2] @ matrix[:2, :2].T + matrix[:2, 2], np.float32)
