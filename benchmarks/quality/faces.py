"""Measures of a face read off its points: how far mouth and eyes are open, how the head stands, its shape.

Lengths are over the distance of the outer corners of the eyes, in depth too, so that turning and coming nearer change
them little.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32
from deployments.video.faces.indices import LEFT_EYE_OUTER, LOWER_SEAM, RIGHT_EYE_OUTER, UPPER_SEAM

Float64 = npt.NDArray[np.float64]
_MIDDLE = slice(3, 8)
"""Of the line between the lips: without the corners, which pucker more than they part."""
_RIGHT_EYE, _LEFT_EYE = [33, 160, 158, 133, 153, 144], [362, 385, 387, 263, 373, 380]
"""p1 to p6 of Soukupová and Čech: outer corner, two points of the upper lid, inner corner, two of the lower."""
_SKULL_MIDDLE = [10, 151, 9, 8, 168, 6, 197, 195, 5, 2]
_SKULL_RIGHT = [33, 133, 234, 127, 21, 54, 103, 67, 109, 93, 116, 50, 98]
_SKULL_LEFT = [263, 362, 454, 356, 251, 284, 332, 297, 338, 323, 345, 280, 327]
SKULL = np.array([*_SKULL_MIDDLE, *_SKULL_RIGHT, *_SKULL_LEFT])
"""Points that neither speaking nor blinking moves: forehead, temples, nose, cheekbones, corners of the eyes."""


@dataclass(frozen=True, slots=True)
class Poses:
    """One row a picture. `turned`: float64 [n, 3], degrees from the film's mean pose: pitch (nodding, positive down),
    yaw (positive to the picture's right), roll (positive clockwise). `placed`: float64 [n, 2], the head's place in face
    widths. `scale`: float64 [n], its size over the mean. `shape`: float64 [len(SKULL), 3], the mean skull, of unit
    size."""

    turned: Float64
    placed: Float64
    scale: Float64
    shape: Float64


def eye_distance(points: Float32) -> Float64:
    """Of the outer corners, in pixels: float64 [n]."""
    away = points[:, LEFT_EYE_OUTER].astype(np.float64) - points[:, RIGHT_EYE_OUTER]
    return np.asarray(np.maximum(np.linalg.norm(away, axis=1), 1e-6))


def mouth_opening(points: Float32) -> Float64:
    """Mean gap between the inner edges of the lips over the film's median eye distance: float64 [n], 0 shut, about 0.2
    wide open in speech."""
    gaps = points[:, UPPER_SEAM[_MIDDLE], :2].astype(np.float64) - points[:, LOWER_SEAM[_MIDDLE], :2]
    return np.asarray(np.linalg.norm(gaps, axis=2).mean(axis=1) / np.median(eye_distance(points)))


def eye_aspect(points: Float32) -> Float64:
    """Eye aspect ratio, mean of both eyes: (|p2 p6| + |p3 p5|) / (2 |p1 p4|), from Soukupová and Čech, "Real-time eye
    blink detection using facial landmarks", CVWW 2016. float64 [n]."""
    both = []
    for eye in (_RIGHT_EYE, _LEFT_EYE):
        p = points[:, eye, :2].astype(np.float64)
        lids = np.linalg.norm(p[:, 1] - p[:, 5], axis=1) + np.linalg.norm(p[:, 2] - p[:, 4], axis=1)
        both.append(lids / np.maximum(2 * np.linalg.norm(p[:, 0] - p[:, 3], axis=1), 1e-6))
    return np.asarray(np.mean(both, axis=0))


def aligned_to(shapes: Float64, onto: Float64) -> tuple[Float64, Float64, Float64]:
    """The rotations [n, 3, 3] and scales [n] that take each of `shapes` [n, k, 3] nearest to `onto` [k, 3], and the
    shapes so taken, about their own middle: Umeyama, PAMI 1991 (as given there, reflections excluded)."""
    centred = shapes - shapes.mean(axis=1, keepdims=True)
    target = onto - onto.mean(axis=0)
    covariance = np.einsum("ki,nkj->nij", target, centred)
    left, values, right = np.linalg.svd(covariance)
    sign = np.ones((len(shapes), 3))
    sign[:, 2] = np.sign(np.linalg.det(left @ right))
    rotations = left @ (sign[:, :, None] * right)
    scales = (values * sign).sum(axis=1) / np.maximum((centred**2).sum(axis=(1, 2)), 1e-12)
    taken = scales[:, None, None] * np.einsum("nij,nkj->nki", rotations, centred)
    return rotations, scales, taken


def poses(points: Float32) -> Poses:
    """Where the head stands in each picture. `points`: of pictures with a face, at least one."""
    skulls = points[:, SKULL].astype(np.float64)
    mean = skulls[0] - skulls[0].mean(axis=0)
    for _ in range(2):
        mean = aligned_to(skulls, mean)[2].mean(axis=0)
    mean /= np.sqrt((mean**2).sum(axis=1).mean())
    rotations, scales, _ = aligned_to(skulls, mean)
    # `rotations` take the picture's head to the mean one; the head's own turn is their inverse.
    turns = rotations.transpose(0, 2, 1)
    yaw = np.arcsin(np.clip(-turns[:, 0, 2], -1, 1))
    pitch = np.arctan2(turns[:, 1, 2], turns[:, 2, 2])
    roll = np.arctan2(turns[:, 1, 0], turns[:, 0, 0])
    width = np.median(np.linalg.norm(points[:, 454, :2] - points[:, 234, :2], axis=1))
    size = 1 / scales
    return Poses(
        turned=np.degrees(np.stack([pitch, yaw, roll], axis=1)),
        placed=skulls[:, :, :2].mean(axis=1) / max(float(width), 1e-6),
        scale=size / np.median(size),
        shape=mean,
    )
