"""From the photo to the texture: the part of it that fills the frame, at twice the frame's resolution."""

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.video.faces.indices import CHIN, FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK
from deployments.video.sampling import blurred

TEXTURE_SCALE = 2
"""Texture pixels per frame pixel: moved by fractions of a pixel, a texture of the frame's own size would go
sharp and soft by turns."""
FACE_SHARE = 0.46
"""Width of the face over the frame's width."""
FACE_HEIGHT_SHARE = 0.667
"""Forehead to chin over the frame's width, at most."""
CENTRE_HEIGHT = 0.44
"""Where the face's middle stands, over the frame's height, from the top."""


def crop(image: Image, points: Float32, frame_size: tuple[int, int]) -> tuple[Image, Float32]:
    """The texture, uint8 [2h, 2w, 3], and the points, float32 [478, 3] in frame pixels.

    The face is brought to its share of the frame, as far as the photo reaches: the crop never leaves the photo.
    """
    width, height = frame_size
    photo_height, photo_width = image.shape[:2]
    face_width = float(np.linalg.norm(points[LEFT_CHEEK, :2] - points[RIGHT_CHEEK, :2]))
    face_height = float(np.linalg.norm(points[FOREHEAD, :2] - points[CHIN, :2]))
    middle = (points[FOREHEAD, :2] + points[CHIN, :2]) / 2
    scale = max(face_width / (FACE_SHARE * width), face_height / (FACE_HEIGHT_SHARE * width))
    scale = min(scale, photo_width / width, photo_height / height)
    left = float(np.clip(middle[0] - width * scale / 2, 0, photo_width - width * scale))
    top = float(np.clip(middle[1] - CENTRE_HEIGHT * height * scale, 0, photo_height - height * scale))
    step = scale / TEXTURE_SCALE
    first_x, first_y = max(0, int(left) - 8), max(0, int(top) - 8)
    source = image[first_y : int(top + height * scale) + 9, first_x : int(left + width * scale) + 9]
    if step > 1.3:
        source = blurred(source, 0.42 * step)
    # Pixel centres: frame x covers photo left + (x + 1/2) * scale - 1/2.
    matrix = np.array([[step, 0, left - first_x + step / 2 - 0.5], [0, step, top - first_y + step / 2 - 0.5]])
    texture = cv2.warpAffine(
        source,
        matrix,
        (width * TEXTURE_SCALE, height * TEXTURE_SCALE),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    placed = points.copy()
    placed[:, :2] = (points[:, :2] + 0.5 - [left, top]) / scale - 0.5
    placed[:, 2] /= scale
    return texture.astype(np.uint8, copy=False), placed.astype(np.float32)
