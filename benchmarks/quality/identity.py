"""Is it still the person of the photo: the shape of the skull, the look of the eyes' region, the colour of the skin.

No face recognition takes part: weights for it come without a licence that would allow it here. Another person is told
by geometry and likeness together.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.quality.faces import SKULL, aligned_to, eye_distance, poses
from benchmarks.quality.sight import SKIN, Sight, watch
from deployments.contracts import Float32, Image
from deployments.errors import BadInput

_UPPER = (slice(2, 42), slice(6, 58))
"""Of the aligned view: from the forehead to the tip of the nose, without mouth and hair."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Against the portrait. `geometry`: root mean square distance of 36 points of the skull once turn, place and size
    are taken out, hundredths of the distance of the eyes: the film's mean face. `likeness`: correlation of the
    luminance of the upper face, both with the eyes in the same places, 1 for the same picture. `colour`: mean
    CIE 1976 distance (CIELAB, 1 is hardly visible) of forehead and cheeks. `wander`: how much the geometry of single
    pictures strays from the film's mean, same unit."""

    geometry: float
    likeness: float
    colour: float
    wander: float


def identity(sight: Sight, portrait: Image) -> Identity:
    """`portrait`: uint8 [h, w, 3] BGR. Raises BadInput where no face is found in it; the film must show one."""
    photo = watch([portrait])
    if not photo.seen[0]:
        raise BadInput("No face was found in the portrait to compare the film with.")
    own = photo.points[0, SKULL].astype(np.float64)
    points = sight.points[sight.seen]
    film = poses(points).shape
    unit = float(eye_distance(photo.points)[0])
    _, _, (taken,) = aligned_to(film[None], own)
    _, _, each = aligned_to(points[:, SKULL].astype(np.float64), own)
    face = np.median(sight.aligned[sight.seen], axis=0).astype(np.uint8)
    return Identity(
        geometry=100 * _stray(taken - (own - own.mean(axis=0))) / unit,
        likeness=_correlation(_luminance(face), _luminance(photo.aligned[0])),
        colour=float(np.mean(np.linalg.norm(_skin(face) - _skin(photo.aligned[0]), axis=1))),
        wander=100 * float(np.mean([_stray(one - each.mean(axis=0)) for one in each])) / unit,
    )


def _stray(away: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt((away[:, :2] ** 2).sum(axis=1).mean()))


def _luminance(face: npt.NDArray[np.uint8]) -> Float32:
    return np.asarray(cv2.cvtColor(face, cv2.COLOR_BGR2GRAY), np.float32)[_UPPER]


def _correlation(first: Float32, second: Float32) -> float:
    one, other = first - first.mean(), second - second.mean()
    return float((one * other).sum() / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-6))


def _skin(face: npt.NDArray[np.uint8]) -> Float32:
    """CIELAB (L 0..100) of the mean colours of forehead and cheeks, float32 [3, 3]. D65, as OpenCV has it."""
    means = np.stack([face[top:bottom, left:right].mean(axis=(0, 1)) for top, bottom, left, right in SKIN])
    colours = cv2.cvtColor((means[None] / 255).astype(np.float32), cv2.COLOR_BGR2Lab)
    return np.asarray(colours[0], np.float32)
