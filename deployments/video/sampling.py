"""Reading pictures at fractional places: the one typed door to cv2.remap."""

from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32

Picture = TypeVar("Picture", bound=npt.NDArray[Any])
_NO_MAP = np.empty(0, np.float32)


def sample(
    picture: Picture, where: Float32, interpolation: int = cv2.INTER_LINEAR, border: int = cv2.BORDER_REPLICATE
) -> Picture:
    """The picture's values at `where`: float32 [h, w, 2], x and y in its pixels. Returns [h, w, channels] of its
    dtype. Places outside read the nearest edge, or 0 with BORDER_CONSTANT."""
    where = np.ascontiguousarray(where, np.float32)
    return cv2.remap(picture, where, _NO_MAP, interpolation, borderMode=border)  # type: ignore[return-value]
