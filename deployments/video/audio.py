"""The audio that comes with a step."""

import numpy as np

from deployments.contracts import Float32
from deployments.errors import BadInput


def checked(samples: Float32) -> Float32:
    """The samples, limited to [-1, 1]. Raises BadInput unless they are float32 [n], n ≥ 0, and finite."""
    if not isinstance(samples, np.ndarray) or samples.dtype != np.float32 or samples.ndim != 1:
        raise BadInput("The video stage needs mono float32 audio at 16 kHz.")
    if not np.isfinite(samples).all():
        raise BadInput("The audio holds values that are not numbers. Decode the recording again.")
    return np.clip(samples, -1.0, 1.0)
