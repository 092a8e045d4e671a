"""What is behind the person: the photo, with the person's place filled in from around."""

import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32, Image
from deployments.video.sampling import resized

LEVELS = 6


def background_plate(photo: Image, matte: npt.NDArray[np.uint8]) -> Image:
    """uint8 [h, w, 3]: the photo itself wherever `matte` (uint8 [h, w]) is not full, a smooth continuation elsewhere.

    Only a strip as wide as the head's movement is ever seen of the continuation. It is made by averaging what is
    known on coarser and coarser grids and reading the coarse where the fine knows nothing (push-pull, Gortler et al.
    1996).
    """
    known = (matte < 255).astype(np.float32)
    filled = _fill(photo.astype(np.float32) * known[..., None], known, LEVELS)
    plate = np.where(known[..., None] > 0, photo, np.clip(filled + 0.5, 0, 255)).astype(np.uint8)
    return plate


def _fill(weighted: Float32, weight: Float32, levels: int) -> Float32:
    """weighted: values times weight, [h, w, 3]. Returns values everywhere."""
    height, width = weight.shape
    if levels == 0 or min(height, width) < 4:
        total = max(float(weight.sum()), 1e-3)
        mean = weighted.sum((0, 1)) / total
        coarse = np.broadcast_to(mean, weighted.shape).astype(np.float32)
    else:
        size = ((width + 1) // 2, (height + 1) // 2)
        small_weight = resized(weight, size, 3)
        small = resized(weighted, size, 3)
        coarse = resized(_fill(small, small_weight, levels - 1), (width, height))
    share = np.clip(weight, 0, 1)[..., None]
    value = weighted / np.maximum(weight, 1e-3)[..., None]
    return (value * share + coarse * (1 - share)).astype(np.float32)
