"""How a face's picture fades into the photo at its crop's edges, and the published way to put it back."""

import cv2
import numpy as np

from deployments.contracts import Float32, Image

RAMP_PIXELS = 26
"""Width of the fade of a crop of 512 pixels (spec 3.3: a core of 460)."""


def feather(pixels: int = 512, ramp: int = RAMP_PIXELS) -> Float32:
    """float32 [pixels, pixels]: 1 inside, falling to 0 over `ramp` pixels at each edge; round in the corners."""
    inwards = np.linspace(1, 0, ramp, dtype=np.float64)
    missing = np.zeros(pixels)
    missing[:ramp], missing[pixels - ramp :] = inwards, inwards[::-1]
    distance = np.sqrt(np.square(missing)[:, None] + np.square(missing)[None])
    return np.asarray(1 - np.minimum(1, distance), np.float32)


def put_back(photo: Image, face: Float32, mask: Float32, inverse: Float32) -> Image:
    """The published put-back, on the CPU: what compositing on a device is measured against (spec 3.3).

    `photo`: uint8 [h, w, 3]. `face`: float32 [s, s, 3] in 0..255, colours in the photo's order. `mask`: float32 [s, s].
    `inverse`: float32 [3, 3], from crop to photo pixels. Returns a new uint8 [h, w, 3], rounded down.
    """
    height, width = photo.shape[:2]
    share = cv2.warpAffine(mask, inverse[:2], (width, height), flags=cv2.INTER_LINEAR)[..., None]
    shown = cv2.warpAffine(face, inverse[:2], (width, height), flags=cv2.INTER_LINEAR)
    return (share * shown + (1 - share) * photo).astype(np.uint8)
