"""From a photo to the 203 landmarks of its face, by one of two routes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from deployments.contracts import Float32, Image
from deployments.video.ditto.face.settings import FaceSettings


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """`landmarks`: float32 [203, 2]. `mesh`: float32 [478, 3]. Both in photo pixels."""

    landmarks: Float32
    mesh: Float32


class Finder(Protocol):
    """What finds the one face of a photo."""

    def find(self, photo: Image) -> Found:
        """photo: uint8 [h, w, 3] BGR, upright. Raises BadInput that names what is wrong with it."""
        ...


class LandmarkFinder:
    """BlazeFace and FaceMesh, or InsightFace, to a first crop; the 203 landmarks from there."""

    def __init__(self, folder: Path, settings: FaceSettings) -> None:
        """`folder` holds landmark203.onnx, and det_10g.onnx with 2d106det.onnx where InsightFace is chosen (or, for
        these two, insightface_det.onnx and landmark106.onnx). Raises WeightsMissing."""
        raise NotImplementedError

    def find(self, photo: Image) -> Found:
        """As Finder says."""
        raise NotImplementedError
