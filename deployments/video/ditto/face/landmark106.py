"""InsightFace's 106 landmarks. Their pretrained weights are for non-commercial research only."""

from pathlib import Path

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.errors import EngineFailed
from deployments.video.ditto.face.crop import moved
from deployments.video.ditto.face.graphs import Graph
from deployments.video.ditto.face.points import INSIGHT_LANDMARKS

INPUT_SIDE = 192
MARGIN = 1.5
"""Side of the square the network sees, over the box's longer side (spec 1.9)."""


class Landmarks106:
    """The network, on the CPU."""

    def __init__(self, path: Path, threads: int) -> None:
        """Raises WeightsMissing, and EngineFailed for a file that is no graph."""
        self._graph = Graph(path, threads)

    def find(self, photo: Image, box: Float32) -> Float32:
        """float32 [106, 2] in photo pixels. `photo`: uint8 [h, w, 3] BGR, which is the order the network gets (as in
        the published pipeline). `box`: float32 [4], left, top, right, bottom."""
        centre, longer = (box[:2] + box[2:]) / 2, float((box[2:] - box[:2]).max())
        zoom = INPUT_SIDE / (MARGIN * max(longer, 1.0))
        shift = INPUT_SIDE / 2 - zoom * centre
        matrix = np.array([[zoom, 0, shift[0]], [0, zoom, shift[1]], [0, 0, 1]], np.float32)
        patch = cv2.warpAffine(photo, matrix[:2], (INPUT_SIDE, INPUT_SIDE), flags=cv2.INTER_LINEAR)
        found = self._graph.run(np.ascontiguousarray(patch.transpose(2, 0, 1)[None], np.float32))[0]
        if found.size != 2 * INSIGHT_LANDMARKS:
            raise EngineFailed(f"The landmark network gave {found.shape}, not {INSIGHT_LANDMARKS} points.")
        points = (found.reshape(INSIGHT_LANDMARKS, 2) + 1) * np.float32(INPUT_SIDE / 2)
        return moved(points, np.linalg.inv(matrix).astype(np.float32))
