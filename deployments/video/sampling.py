"""Pictures as arrays: the few OpenCV calls that many modules need, with types that hold."""

from typing import Any, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32

Picture = TypeVar("Picture", bound=npt.NDArray[Any])
# OpenCV reads x and y from one map only where the second is None, which its annotations do not know.
_NO_MAP = cast(Any, None)


def sample(
    picture: Picture, where: Float32, interpolation: int = cv2.INTER_LINEAR, border: int = cv2.BORDER_REPLICATE
) -> Picture:
    """The picture's values at `where`: float32 [h, w, 2], x and y in its pixels. Returns [h, w, channels] of its
    dtype. Places outside read the nearest edge, or 0 with BORDER_CONSTANT."""
    return cast(Picture, cv2.remap(picture, np.asarray(where, np.float32), _NO_MAP, interpolation, borderMode=border))


def blurred(picture: Picture, sigma: float) -> Picture:
    """Gaussian blur, sigma in pixels."""
    return cast(Picture, cv2.GaussianBlur(picture, (0, 0), sigma))


def resized(picture: Picture, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR) -> Picture:
    """The picture at another size, (width, height)."""
    return cast(Picture, cv2.resize(picture, size, interpolation=interpolation))


def gray(picture: npt.NDArray[np.uint8]) -> Float32:
    """Luminance 0..1, float32 [h, w], of a BGR picture."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.float32) / np.float32(255)


def luminance(colours: Float32) -> Float32:
    """Luminance of BGR values on the last axis (ITU-R BT.601)."""
    return np.asarray(colours @ np.array([0.114, 0.587, 0.299], np.float32), np.float32)
