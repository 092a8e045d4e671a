"""What makes a found face usable: the reasons for which a photo is refused, and the measures behind them."""

import itertools

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.errors import BadInput
from deployments.video.faces.detection import Detection
from deployments.video.faces.indices import (
    CHIN,
    FACE_OVAL,
    FOREHEAD,
    LEFT_CHEEK,
    LEFT_EYE_OUTER,
    LEFT_IRIS,
    LIPS,
    LOWER_OUTER,
    LOWER_SEAM,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    NOSE_TIP,
    RIGHT_CHEEK,
    RIGHT_EYE_OUTER,
    RIGHT_IRIS,
    UPPER_OUTER,
    UPPER_SEAM,
)
from deployments.video.faces.mesh import Mesh
from deployments.video.sampling import sample

MESH_SCORE_MIN = 0.8
KEYPOINT_MISS_MAX = 0.30
"""Mean distance between the detector's eyes, nose and mouth and the mesh's, over the distance of the eyes.
Two networks that agree see a face; a hand or a pattern fools one of them."""
WIDTH_MIN = 80
"""Photo pixels between the cheeks; below, lips are a few pixels and no motion looks right."""
YAW_MAX = 0.5
ROLL_MAX = 0.8
UNREST_MAX = 0.03
"""Mean stray of the points when the network looks again, over the face's width: 0.005 on faces, 0.05 on what is none
(an upside-down face, a patch on a sleeve)."""
LIP_UNREST_MAX = 0.016
"""The same of the lips alone: 0.003 where they are seen, 0.01 to 0.03 where a hand or a mask covers them."""
SEAM_CONTRAST_MIN = 0.08
"""How much darker the line between the lips is than the lips, over the face's brightness."""


def yaw_radians(points: Float32) -> float:
    """Turn of the head, positive to the picture's right: the larger of what two measures say.

    The depth of the cheeks' outermost points, which the network plays down in strong turns; and how far the tip of the
    nose stands off their middle: a nose that sticks out a quarter of the head's radius moves 1.25 sin(yaw) of it.
    """
    across = points[LEFT_CHEEK] - points[RIGHT_CHEEK]
    by_depth = float(np.arctan2(across[2], np.hypot(across[0], across[1])))
    flat = across[:2]
    middle = (points[LEFT_CHEEK, :2] + points[RIGHT_CHEEK, :2]) / 2
    offset = float((points[NOSE_TIP, :2] - middle) @ flat / max(float(flat @ flat) / 2, 1e-6))
    by_nose = float(np.arcsin(np.clip(offset / 1.25, -1, 1)))
    return by_depth if abs(by_depth) > abs(by_nose) else by_nose


def roll_radians(points: Float32) -> float:
    """Tilt of the line of the eyes, positive clockwise."""
    eyes = points[LEFT_EYE_OUTER] - points[RIGHT_EYE_OUTER]
    return float(np.arctan2(eyes[1], eyes[0]))


def is_face(detection: Detection, mesh: Mesh) -> bool:
    """Whether the mesh confirms the box: its own score, agreement with the detector, and a face's proportions."""
    points = mesh.points[:, :2]
    right_eye, left_eye = points[RIGHT_IRIS].mean(0), points[LEFT_IRIS].mean(0)
    mouth = (points[MOUTH_RIGHT] + points[MOUTH_LEFT]) / 2
    eyes = float(np.linalg.norm(points[LEFT_EYE_OUTER] - points[RIGHT_EYE_OUTER]))
    seen = np.stack([right_eye, left_eye, points[NOSE_TIP], mouth])
    miss = float(np.linalg.norm(seen - detection.keypoints[:4], axis=1).mean()) / max(eyes, 1e-6)
    axis = (points[CHIN] - points[FOREHEAD]) / max(float(np.linalg.norm(points[CHIN] - points[FOREHEAD])), 1e-6)
    heights = [float(point @ axis) for point in ((right_eye + left_eye) / 2, points[NOSE_TIP], mouth, points[CHIN])]
    ordered = all(low < high for low, high in itertools.pairwise(heights))
    width = max(float(np.linalg.norm(points[LEFT_CHEEK] - points[RIGHT_CHEEK])), 1e-6)
    restless = float(mesh.unrest[:468].mean()) / width > UNREST_MAX
    return mesh.score >= MESH_SCORE_MIN and not restless and miss <= KEYPOINT_MISS_MAX and ordered


def seam_contrast(image: Image, points: Float32) -> float:
    """How distinctly lips meet: mean over the seam of (lip brightness - darkest nearby), over the face's brightness.

    Teeth count too, by the edge they make. Near 0 where a hand, a mask or a microphone hides the mouth.
    """
    corner = np.maximum(points[:, :2].min(0).astype(int) - 4, 0)
    far = np.maximum(points[:, :2].max(0).astype(int) + 5, corner + 1)
    image = image[corner[1] : far[1], corner[0] : far[0]]
    flat = points[:, :2] - corner.astype(np.float32)
    gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32)
    mouth_width = float(np.linalg.norm(flat[MOUTH_LEFT] - flat[MOUTH_RIGHT]))
    gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), max(0.5, 0.012 * mouth_width)), np.float32)
    brightness = float(np.median(sample(gray, (flat[FACE_OVAL] * 0.7 + flat[NOSE_TIP] * 0.3)[None])))
    contrasts = []
    steps = np.linspace(0, 1, 24, dtype=np.float32)[:, None]
    for column in range(2, 9):
        line = flat[UPPER_OUTER[column]] * (1 - steps) + flat[LOWER_OUTER[column]] * steps
        profile = sample(gray, line[None])[0]
        contrasts.append(min(profile[:10].max(), profile[-10:].max()) - profile[5:-5].min())
    return float(np.mean(contrasts)) / max(brightness, 8.0)


def require_usable(image: Image, points: Float32, unrest: Float32, width: float, yaw: float) -> None:
    """Raises BadInput with the reason where the face cannot be animated."""
    if width < WIDTH_MIN:
        raise BadInput(f"The face is only {width:.0f} pixels wide, under the {WIDTH_MIN} needed. Send a larger photo.")
    if abs(yaw) > YAW_MAX:
        raise BadInput("The face is turned too far to the side. Send a photo in which the person faces the camera.")
    if abs(roll_radians(points)) > ROLL_MAX:
        raise BadInput("The photo lies on its side. Turn it so that the person is upright.")
    height, photo_width = image.shape[:2]
    inner = points[np.r_[UPPER_SEAM, LOWER_SEAM, CHIN, NOSE_TIP, RIGHT_EYE_OUTER, LEFT_EYE_OUTER], :2]
    if (inner < 0).any() or (inner >= [photo_width, height]).any():
        raise BadInput("The face is cut off by the edge of the photo. Send one that shows it from forehead to chin.")
    lips_stray = float(unrest[LIPS].mean()) / width > LIP_UNREST_MAX
    if lips_stray or seam_contrast(image, points) < SEAM_CONTRAST_MIN:
        raise BadInput("The mouth is covered or cannot be made out. Send a photo in which the mouth is visible.")
