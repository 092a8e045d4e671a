"""What is seen in a film's pictures: the face's 478 points in each, and small views for colour and flicker.

The points come from the same network that finds a photo's face (deployments/video/faces), one pass a picture. The
square it looks at stays where it is until the face has left its middle: so a picture that does not change gives points
that do not change, and what moves in the points moved in the picture.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32, Image
from deployments.video.faces.checks import MESH_SCORE_MIN, SEAM_CONTRAST_MIN, seam_contrast
from deployments.video.faces.detection import detect
from deployments.video.faces.indices import LEFT_EYE_INNER, LEFT_EYE_OUTER, RIGHT_EYE_INNER, RIGHT_EYE_OUTER
from deployments.video.faces.mesh import MARGIN, placement, track
from deployments.video.sampling import gray, resized

FACE_SIDE = 64
_CANDIDATES = 4
SMALL_WIDTH = 64
BLOCK = 16
APART = 5
"""Pictures, 0.2 s of them: long enough for a face that lives to move more than a codec makes it seem to."""
_LEFT_MIDDLE, _RESIZED = 0.06, 0.10
"""Of the square's side: how far the face may drift, and grow, before the square follows it."""
_ANCHORS = [RIGHT_EYE_OUTER, RIGHT_EYE_INNER, LEFT_EYE_INNER, LEFT_EYE_OUTER, 168, 6]
"""Corners of the eyes and the bridge of the nose: they move with the skull alone."""
_ANCHORS_AT = np.array([[14, 20], [26, 20], [38, 20], [50, 20], [32, 19], [32, 23]], np.float32)
"""Where an average face has them in the aligned view of 64 x 64 pixels."""
SKIN = ((3, 12, 16, 48), (30, 42, 8, 20), (30, 42, 44, 56))
"""Forehead and cheeks in the aligned view: first and last row, first and last column."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One row a picture.

    `points`: float32 [n, 478, 3], pixels. `scores`: float32 [n], the network's own, 0 where no face was found; `seen`:
    bool [n], whether to believe the points. `lips_seen`: bool [n], whether the line between the lips can be made out.
    `aligned`: uint8 [n, 64, 64, 3], the face with its eyes in fixed places. `small`: float32 [n, h, 64], luminance
    0..255 of the whole picture. `changed`: float32 [n], the largest mean change of a 16 x 16 block since the picture
    before, levels of 255; 0 for the first. `moved`: the same since the fifth one before, or the first. `frame_size`:
    (width, height), pixels.
    """

    points: Float32
    scores: Float32
    seen: npt.NDArray[np.bool_]
    lips_seen: npt.NDArray[np.bool_]
    aligned: npt.NDArray[np.uint8]
    small: Float32
    changed: Float32
    moved: Float32
    frame_size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.scores)


class Tracker:
    """Follows one face through a film."""

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._square: tuple[Float32, float, float] | None = None

    def look(self, picture: Image) -> tuple[Float32, float]:
        """Points [478, 3] in pixels and the network's score; zeros and 0 where there is no face."""
        if self._square is None:
            self._square = self._find(picture)
        if self._square is None:
            return np.zeros((478, 3), np.float32), 0.0
        points, score = track(picture, *self._square, self._threads)
        centre, side, _ = moved = placement(points)
        left = float(np.linalg.norm(centre - self._square[0])) > _LEFT_MIDDLE * self._square[1]
        if left or abs(side / self._square[1] - 1) > _RESIZED:
            self._square = moved
            points, score = track(picture, *moved, self._threads)
        if score < MESH_SCORE_MIN:
            self._square = None
        return points, score

    def _find(self, picture: Image) -> tuple[Float32, float, float] | None:
        """The square of the largest face in which the mesh believes too."""
        for found in detect(picture, self._threads)[:_CANDIDATES]:
            eyes = found.keypoints[1] - found.keypoints[0]
            centre, side, angle = found.centre, MARGIN * found.side, float(np.arctan2(eyes[1], eyes[0]))
            for _ in range(3):
                points, score = track(picture, centre.astype(np.float32), side, angle, self._threads)
                centre, side, angle = placement(points)
            if score >= MESH_SCORE_MIN:
                return centre, side, angle
        return None


def watch(film: Iterable[Image], threads: int = 1) -> Sight:
    """Looks at every picture, once and in order. Raises ValueError where there is none."""
    tracker = Tracker(threads)
    points, scores, lips, aligned, small, changed, moved = [], [], [], [], [], [], []
    recent: deque[Image] = deque(maxlen=APART)
    for picture in film:
        same = bool(recent) and np.array_equal(picture, recent[-1])
        changed.append(largest_change(recent[-1], picture) if recent and not same else 0.0)
        moved.append(largest_change(recent[0], picture) if recent else 0.0)
        if not same:
            found, score = tracker.look(picture)
            contrast = seam_contrast(picture, found) if score >= MESH_SCORE_MIN else 0.0
            view, face = luminance_of(picture), aligned_face(picture, found)
        points.append(found)
        scores.append(score)
        lips.append(contrast >= SEAM_CONTRAST_MIN)
        aligned.append(face)
        small.append(view)
        recent.append(picture)
    if not recent:
        raise ValueError("The film has no picture.")
    scored = np.array(scores, np.float32)
    return Sight(
        points=np.stack(points).astype(np.float32),
        scores=scored,
        seen=scored >= MESH_SCORE_MIN,
        lips_seen=np.array(lips),
        aligned=np.stack(aligned),
        small=np.stack(small),
        changed=np.array(changed, np.float32),
        moved=np.array(moved, np.float32),
        frame_size=(recent[-1].shape[1], recent[-1].shape[0]),
    )


def largest_change(first: Image, second: Image) -> float:
    """Largest over 16 x 16 blocks and colour channels of the mean absolute difference, levels of 255."""
    difference = np.asarray(cv2.absdiff(first, second), np.float32)
    size = (max(1, difference.shape[1] // BLOCK), max(1, difference.shape[0] // BLOCK))
    return float(resized(difference, size, cv2.INTER_AREA).max())


def luminance_of(picture: Image) -> Float32:
    """Luminance 0..255 at 64 pixels' width, float32 [h, 64]."""
    height = max(1, round(picture.shape[0] * SMALL_WIDTH / picture.shape[1]))
    return np.asarray(resized(255 * gray(picture), (SMALL_WIDTH, height), cv2.INTER_AREA), np.float32)


def aligned_face(picture: Image, points: Float32) -> npt.NDArray[np.uint8]:
    """The face turned, scaled and shifted so that eyes and bridge of the nose lie in fixed places: [64, 64, 3]."""
    matrix = similarity(points[_ANCHORS, :2], _ANCHORS_AT)
    shrink = 1 / max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 1e-6)
    source = cv2.GaussianBlur(picture, (0, 0), 0.4 * shrink) if 1.2 < shrink < 50 else picture
    patch = cv2.warpAffine(source, matrix, (FACE_SIDE, FACE_SIDE), flags=cv2.INTER_LINEAR, borderValue=(0, 0, 0))
    return patch.astype(np.uint8, copy=False)


def similarity(points: Float32, onto: Float32) -> npt.NDArray[np.float64]:
    """The turn, scale and shift, a 2 x 3 matrix, that take `points` [n, 2] nearest to `onto`: Umeyama, "Least-squares
    estimation of transformation parameters between two point patterns", PAMI 1991, in the plane (complex numbers)."""
    first, second = points.astype(np.float64), onto.astype(np.float64)
    centre, centre_onto = first.mean(0), second.mean(0)
    one, other = (first - centre) @ [1, 1j], (second - centre_onto) @ [1, 1j]
    factor = np.vdot(one, other) / max(float(np.vdot(one, one).real), 1e-9)
    turn = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.asarray(np.c_[turn, centre_onto - turn @ centre], np.float64)
