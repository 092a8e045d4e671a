"""Which landmarks of the three models make the axis of a face: the middle of the eyes, and the mouth."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32
from deployments.video.faces.indices import LEFT_BROW, RIGHT_BROW

Indices = npt.NDArray[np.int64]

LANDMARKS = 203
"""Points of LivePortrait's model."""
INSIGHT_LANDMARKS = 106
"""Points of InsightFace's 2d106det."""


@dataclass(frozen=True, slots=True, eq=False)
class AxisPoints:
    """Whose means are the eyes, and whose mean is the mouth."""

    first_eye: Indices
    second_eye: Indices
    mouth: Indices


def _points(first_eye: list[int], second_eye: list[int], mouth: list[int]) -> AxisPoints:
    return AxisPoints(np.array(first_eye), np.array(second_eye), np.array(mouth))


AXIS_203 = _points([0, 6, 12, 18], [24, 30, 36, 42], [48, 66])
"""Spec 3.3."""
AXIS_106 = _points([33, 35, 40, 39], [87, 89, 94, 93], [52, 61])
"""Spec 3.3."""

_MOUTH = [61, 291]
_FIRST_EYE, _SECOND_EYE = [33, 133, 159, 145], [263, 362, 386, 374]
_JAW = [127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356]
MESH_OUTLINE: Indices = np.concatenate([_MOUTH, _FIRST_EYE, _SECOND_EYE, _JAW, RIGHT_BROW, LEFT_BROW])
"""Of the 478 mesh points those that stand where the 106 landmarks reach to: corners of the mouth, corners and lids of
the eyes, jaw from temple to temple, brows. The forehead, which the 106 lack, would make the first crop larger."""
AXIS_MESH = _points([2, 3, 4, 5], [6, 7, 8, 9], [0, 1])
"""Places in MESH_OUTLINE."""


def axis_of(count: int) -> AxisPoints:
    """The axis points among so many landmarks: 203, 106, or those of MESH_OUTLINE. Raises KeyError."""
    return {LANDMARKS: AXIS_203, INSIGHT_LANDMARKS: AXIS_106, len(MESH_OUTLINE): AXIS_MESH}[count]


def outline(mesh: Float32) -> Float32:
    """float32 [k, 2] of a mesh [478, 3]: what the first crop is measured on."""
    return np.ascontiguousarray(mesh[MESH_OUTLINE, :2])
