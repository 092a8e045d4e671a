"""Reading pictures at fractional places: the one typed door to cv2.remap."""

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
    where = np.ascontiguousarray(where, np.float32)
    return cast(Picture, cv2.remap(picture, where, _NO_MAP, interpolation, borderMode=border))
