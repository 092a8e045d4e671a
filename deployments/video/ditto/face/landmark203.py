"""LivePortrait's 203 landmarks (MIT), from a crop of 224 pixels."""

from pathlib import Path

import numpy as np

from deployments.contracts import Float32, Image
from deployments.errors import EngineFailed
from deployments.video.ditto.face.crop import FIRST_PIXELS
from deployments.video.ditto.face.graphs import Graph
from deployments.video.ditto.face.points import LANDMARKS

_OUTPUT_OF_THREE = 2
"""The original file has three outputs or more, the landmarks third; the re-exported one has one (spec 1.1)."""


class Landmarks203:
    """The network, on the CPU."""

    def __init__(self, path: Path, threads: int) -> None:
        """Raises WeightsMissing, and EngineFailed for a file that is no graph."""
        self._graph = Graph(path, threads)

    def find(self, crop: Image) -> Float32:
        """float32 [203, 2] in pixels of `crop`, uint8 [224, 224, 3] BGR."""
        tensor = np.ascontiguousarray(crop[:, :, ::-1].transpose(2, 0, 1)[None], np.float32) / np.float32(255)
        outputs = self._graph.run(tensor)
        found = outputs[_OUTPUT_OF_THREE] if len(outputs) > _OUTPUT_OF_THREE else outputs[0]
        if found.size != 2 * LANDMARKS:
            raise EngineFailed(f"The landmark network gave {found.shape}, not {LANDMARKS} points: it is another one.")
        return (found.reshape(LANDMARKS, 2) * np.float32(FIRST_PIXELS)).astype(np.float32)
