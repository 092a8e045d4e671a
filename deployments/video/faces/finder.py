"""From a photo to its one usable face, or to the exact reason why there is none."""

from dataclasses import dataclass

import numpy as np

from deployments.contracts import Float32, Image
from deployments.errors import BadInput
from deployments.video.faces import checks
from deployments.video.faces.detection import Detection, detect
from deployments.video.faces.indices import LEFT_CHEEK, RIGHT_CHEEK
from deployments.video.faces.mesh import Mesh, find_mesh

OTHER_FACE_SHARE = 0.4
"""A second face at least this large, relative to the first, makes the photo one of several people."""
SMALL_FACE_SCORE = 0.75
OTHER_FACE_SCORE = 0.75
"""How sure the detector must be of a face it only sees from close by, and of a second one: patterns on clothes reach
0.6, faces 0.9."""
CANDIDATES_MAX = 4
"""Boxes whose mesh is looked at; the rest of a crowd cannot change the answer."""


@dataclass(frozen=True, slots=True)
class Face:
    """`points`: float32 [478, 3], photo pixels. `yaw_radians`: positive turned to the picture's right."""

    points: Float32
    yaw_radians: float
    score: float

    @property
    def width(self) -> float:
        """Distance between the cheeks' outermost points, in photo pixels."""
        return float(np.linalg.norm(self.points[LEFT_CHEEK, :2] - self.points[RIGHT_CHEEK, :2]))


def _meshes(image: Image, detections: list[Detection], threads: int) -> list[tuple[Detection, Mesh]]:
    """Those of the boxes in which the mesh finds a face too, largest first."""
    both = [(found, find_mesh(image, found, threads)) for found in detections[:CANDIDATES_MAX]]
    return [(found, mesh) for found, mesh in both if checks.is_face(found, mesh)]


def find_face(image: Image, threads: int = 1) -> Face:
    """The photo's one face. image: uint8 [h, w, 3] BGR, upright.

    Raises BadInput that names the reason: no face, several faces, too small, cut off, turned away, mouth covered.
    """
    meshes = _meshes(image, detect(image, threads), threads)
    if not meshes:
        closer = detect(image, threads, closely=True)
        meshes = _meshes(image, [found for found in closer if found.score >= SMALL_FACE_SCORE], threads)
    if not meshes:
        raise BadInput("No face was found in the photo. Send a photo of one person looking at the camera.")
    detection, mesh = meshes[0]
    others = [
        found
        for found, _ in meshes[1:]
        if found.side >= OTHER_FACE_SHARE * detection.side and found.score >= OTHER_FACE_SCORE
    ]
    if others:
        raise BadInput(
            f"The photo shows {len(others) + 1} faces. Send a photo of one person, or crop it to one of them."
        )
    face = Face(mesh.points, checks.yaw_radians(mesh.points), mesh.score)
    checks.require_usable(image, face.points, mesh.unrest, face.width, face.yaw_radians)
    return face
