"""MediaPipe's attention face mesh: 478 points with refined lips, eyes and irises."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32, Image
from deployments.video.faces.detection import Detection
from deployments.video.faces.indices import (
    LEFT_EYE_OUTER,
    LEFT_EYE_REFINED,
    LIPS,
    RIGHT_EYE_OUTER,
    RIGHT_EYE_REFINED,
)
from deployments.video.faces.models import MESH, session
from deployments.video.sampling import blurred, resized

INPUT_SIDE = 192
OUTPUTS = ["mesh", "lips", "left_eye", "right_eye", "left_iris", "right_iris", "face_flag"]
MARGIN = 1.5
"""Side of the square the network sees, over the face's own side (MediaPipe's value)."""
REFINEMENTS = 3
JITTER = ((0, 0, 1), (0.02, 0, 1), (-0.02, 0, 1), (0, 0.02, 1), (0, -0.02, 1), (0, 0, 0.94), (0, 0, 1.06))
"""(x, y, scale) variations of the last square; their mean takes the regression noise out."""


@dataclass(frozen=True, slots=True)
class Mesh:
    """`points`: float32 [478, 3] in photo pixels (z too, smaller is nearer). `score`: 0..1, the network's own.
    `unrest`: float32 [478], how far each point strayed over the jittered runs, in photo pixels."""

    points: Float32
    score: float
    unrest: Float32


def _square(image: Image, centre: Float32, side: float, angle: float) -> tuple[Image, npt.NDArray[np.float64]]:
    """The rotated square as the network's input, and the 2x3 matrix from its pixels to the photo's."""
    cosine, sine = np.cos(angle) * side / INPUT_SIDE, np.sin(angle) * side / INPUT_SIDE
    half = INPUT_SIDE / 2
    matrix = np.array(
        [
            [cosine, -sine, centre[0] - (cosine - sine) * half],
            [sine, cosine, centre[1] - (sine + cosine) * half],
        ]
    )
    shrink = side / INPUT_SIDE
    source = blurred(image, shrink * 0.4) if shrink > 2 else image
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(source, matrix, (INPUT_SIDE, INPUT_SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return patch.astype(np.uint8, copy=False), matrix


def track(image: Image, centre: Float32, side: float, angle: float, threads: int) -> tuple[Float32, float]:
    """One pass of the network: points [478, 3] in photo pixels, and its score."""
    patch, matrix = _square(image, centre, side, angle)
    tensor = patch[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
    mesh, lips, left_eye, right_eye, left_iris, right_iris, flag = session(MESH, threads).run(
        OUTPUTS, {"input_1": np.ascontiguousarray(tensor)}
    )
    points = mesh.copy()
    points[LIPS, :2] = lips
    # The network names sides as seen in the picture; its left is the person's right.
    points[RIGHT_EYE_REFINED, :2] = left_eye
    points[LEFT_EYE_REFINED, :2] = right_eye
    irises = [np.c_[left_iris, np.full(5, points[33, 2])], np.c_[right_iris, np.full(5, points[263, 2])]]
    points = np.vstack([points, *irises])
    placed = np.empty((len(points), 3), np.float32)
    placed[:, :2] = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    placed[:, 2] = points[:, 2] * (side / INPUT_SIDE)
    return placed, float(flag[0])


def placement(points: Float32) -> tuple[Float32, float, float]:
    """Centre, side and angle of the square for the next pass, from the points of this one."""
    eyes = points[LEFT_EYE_OUTER, :2] - points[RIGHT_EYE_OUTER, :2]
    angle = float(np.arctan2(eyes[1], eyes[0]))
    cosine, sine = np.cos(-angle), np.sin(-angle)
    rotation = np.array([[cosine, -sine], [sine, cosine]], np.float32)
    upright = points[:468, :2] @ rotation.T
    low, high = upright.min(0), upright.max(0)
    return rotation.T @ ((low + high) / 2), MARGIN * float((high - low).max()), angle


def _near(image: Image, detection: Detection) -> tuple[Image, Float32, float]:
    """What the passes can reach of the photo, at twice the network's resolution at most; its corner; photo pixels per
    pixel of it."""
    height, width = image.shape[:2]
    reach = MARGIN * detection.side
    left, top = (int(np.clip(detection.centre[i] - reach, 0, (width, height)[i] - 1)) for i in (0, 1))
    right, bottom = (int(np.clip(detection.centre[i] + reach, (left, top)[i] + 1, (width, height)[i])) for i in (0, 1))
    part = image[top:bottom, left:right]
    scale = max(1.0, MARGIN * detection.side / (2 * INPUT_SIDE))
    if scale > 1:
        size = (max(1, round(part.shape[1] / scale)), max(1, round(part.shape[0] / scale)))
        part = resized(part, size, cv2.INTER_AREA)
    return part, np.array([left, top], np.float32), scale


def find_mesh(image: Image, detection: Detection, threads: int = 1) -> Mesh:
    """The mesh of one detected face: the square follows the points, the last pass is averaged over jitter."""
    near, corner, scale = _near(image, detection)
    eyes = detection.keypoints[1] - detection.keypoints[0]
    centre = ((detection.centre - corner) / np.float32(scale)).astype(np.float32)
    side, angle = MARGIN * detection.side / scale, float(np.arctan2(eyes[1], eyes[0]))
    for _ in range(REFINEMENTS - 1):
        points, _score = track(near, centre, side, angle, threads)
        centre, side, angle = placement(points)
    runs, scores = [], []
    for x, y, zoom in JITTER:
        shifted = centre + np.array([x, y], np.float32) * np.float32(side)
        points, score = track(near, shifted, side * zoom, angle, threads)
        runs.append(points)
        scores.append(score)
    stack = np.stack(runs) * np.float32(scale)
    # Pixel centres: shrinking by `scale` moves them by half a pixel of either size.
    stack[..., :2] += corner + np.float32((scale - 1) / 2)
    unrest = np.sqrt(np.square(stack[..., :2] - stack[..., :2].mean(0)).sum(-1).mean(0))
    return Mesh(stack.mean(0).astype(np.float32), float(np.mean(scores)), unrest.astype(np.float32))
