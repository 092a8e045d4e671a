"""From a photo to the 203 landmarks of its face, by one of two routes."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from deployments.contracts import Float32, Image
from deployments.errors import BadInput
from deployments.video.ditto.face.crop import FIRST_PIXELS, cut, moved, place
from deployments.video.ditto.face.landmark106 import Landmarks106
from deployments.video.ditto.face.landmark203 import Landmarks203
from deployments.video.ditto.face.points import AXIS_203, outline
from deployments.video.ditto.face.scrfd import Scrfd
from deployments.video.ditto.face.settings import FaceSettings
from deployments.video.faces import find_face
from deployments.video.faces.indices import LEFT_IRIS, MOUTH_LEFT, MOUTH_RIGHT, RIGHT_IRIS

LANDMARK203 = "landmark203.onnx"
DETECTORS = ("det_10g.onnx", "insightface_det.onnx")
LANDMARKS106 = ("2d106det.onnx", "landmark106.onnx")
"""InsightFace's files, by the names of either published folder."""
DISAGREEMENT_MAX = 0.5
"""Between the middle of the eyes and the mouth as the mesh and as the 203 landmarks have them, over their distance."""

_log = logging.getLogger("ray.serve")


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
    """BlazeFace and FaceMesh say whether there is one usable face, and where; or where, InsightFace. A first crop from
    there, and in it the 203 landmarks."""

    def __init__(self, folder: Path, settings: FaceSettings, insightface: Path | None = None) -> None:
        """`folder` holds landmark203.onnx; `insightface`, where it is chosen, det_10g.onnx and 2d106det.onnx (or
        insightface_det.onnx and landmark106.onnx); None: the same folder. Raises WeightsMissing."""
        self._settings = settings
        self._landmarks = Landmarks203(folder / LANDMARK203, settings.threads)
        self._insight: tuple[Scrfd, Landmarks106] | None = None
        if settings.detector == "insightface":
            _log.warning("Faces are found with InsightFace's models, licensed for non-commercial research only.")
            detector, points = (_present(insightface or folder, names) for names in (DETECTORS, LANDMARKS106))
            self._insight = (
                Scrfd(detector, settings.threads, settings.detection_score_min),
                Landmarks106(points, settings.threads),
            )

    def find(self, photo: Image) -> Found:
        """As Finder says. The photo's pixels are judged by BlazeFace and FaceMesh on either route."""
        settings = self._settings
        mesh = find_face(photo, settings.threads).points
        first = outline(mesh) if self._insight is None else self._insight_points(photo, *self._insight)
        crop = place(first, FIRST_PIXELS, settings.first_scale, settings.first_rise)
        landmarks = moved(self._landmarks.find(cut(photo, crop)), crop.inverse)
        if _disagreement(landmarks, mesh) > DISAGREEMENT_MAX:
            raise BadInput("The features cannot be made out. Send a sharp photo of one person facing the camera.")
        return Found(landmarks, mesh)

    def _insight_points(self, photo: Image, detector: Scrfd, points: Landmarks106) -> Float32:
        box = detector.largest(photo)
        if box is None:
            raise BadInput("No face was found in the photo. Send a photo of one person looking at the camera.")
        return points.find(photo, box)


def _present(folder: Path, names: tuple[str, ...]) -> Path:
    """The first of the files that exists; else the first, for the message that it is missing."""
    return next((folder / name for name in names if (folder / name).is_file()), folder / names[0])


def _disagreement(landmarks: Float32, mesh: Float32) -> float:
    eyes = np.concatenate([AXIS_203.first_eye, AXIS_203.second_eye])
    found = np.stack([landmarks[eyes].mean(0), landmarks[AXIS_203.mouth].mean(0)])
    seen = np.concatenate([mesh[RIGHT_IRIS, :2], mesh[LEFT_IRIS, :2]])
    wanted = np.stack([seen.mean(0), mesh[[MOUTH_RIGHT, MOUTH_LEFT], :2].mean(0)])
    apart = max(float(np.linalg.norm(wanted[1] - wanted[0])), 1e-6)
    miss = float(np.linalg.norm(found - wanted, axis=1).mean()) / apart
    return miss if np.isfinite(miss) else np.inf
