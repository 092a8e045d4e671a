"""BlazeFace (short range): where faces are, and how sure that is."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32, Image
from deployments.video.faces.models import DETECTOR, session
from deployments.video.sampling import resized

INPUT_SIDE = 128
SCORE_MIN = 0.5
"""BlazeFace's own default threshold."""
LOOK = ((1.0, 1), (0.6, 3), (0.4, 4))
"""(share of the photo's side, squares along each axis): the model wants a face of some 15 % of its input."""
CLOSE_LOOK = ((0.2, 8),)
LARGEST = 1280
"""Photos are looked through at this many pixels a side at most: the smallest squares are still twice the network's
input."""
OVERLAP_MAX = 0.3
"""Two boxes that overlap more (intersection over the smaller area) are one face."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face box. `centre`, `keypoints` (right eye, left eye, nose, mouth, right ear, left ear) in photo pixels;
    `side` is the larger side of the box in pixels."""

    score: float
    centre: Float32
    side: float
    keypoints: Float32


def _anchors() -> Float32:
    """Anchor centres of the short-range model, [896, 2] in 0..1: two per 16x16 cell, six per 8x8 cell."""
    rows = []
    for cells, per_cell in ((16, 2), (8, 6)):
        for y in range(cells):
            for x in range(cells):
                rows += [((x + 0.5) / cells, (y + 0.5) / cells)] * per_cell
    return np.array(rows, np.float32)


ANCHORS = _anchors()


def _regions(side: int, shares: tuple[tuple[float, int], ...]) -> list[tuple[int, int, int]]:
    """(x, y, side) of overlapping squares: for each share of the side, so many along each axis."""
    regions = []
    for share, steps in shares:
        part = int(side * share)
        offsets = np.linspace(0, side - part, steps).astype(int)
        regions += [(int(x), int(y), part) for y in offsets for x in offsets]
    return regions


def _detect_in(square: Image, region: tuple[int, int, int], threads: int) -> list[Detection]:
    x0, y0, side = region
    patch = cv2.resize(square[y0 : y0 + side, x0 : x0 + side], (INPUT_SIDE, INPUT_SIDE), interpolation=cv2.INTER_AREA)
    tensor = patch[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32) / np.float32(127.5) - np.float32(1)
    regressors, logits = session(DETECTOR, threads).run(
        ["regressors", "classificators"], {"input": np.ascontiguousarray(tensor)}
    )
    scores = 1 / (1 + np.exp(-np.clip(logits[0, :, 0], -80, 80)))
    found = []
    for index in np.flatnonzero(scores >= SCORE_MIN):
        box = regressors[0, index] / INPUT_SIDE
        anchor = ANCHORS[index]
        origin = np.array([x0, y0], np.float32)
        keypoints = (box[4:].reshape(6, 2) + anchor) * side + origin
        centre = (box[:2] + anchor) * side + origin
        found.append(Detection(float(scores[index]), centre, float(max(box[2], box[3]) * side), keypoints))
    return found


def _overlap(first: Detection, second: Detection) -> float:
    """Intersection over the smaller box's area, boxes taken as squares."""
    reach = (first.side + second.side) / 2 - np.abs(first.centre - second.centre)
    reach = np.minimum(np.clip(reach, 0, None), min(first.side, second.side))
    return float(reach[0] * reach[1] / min(first.side, second.side) ** 2)


def detect(image: Image, threads: int = 1, closely: bool = False) -> list[Detection]:
    """All faces of a photo, best first (score times size counts), each once, in photo pixels.

    `closely`: in small squares only, for faces that the usual look misses.
    """
    scale = max(1.0, max(image.shape[:2]) / LARGEST)
    if scale > 1:
        image = resized(image, (round(image.shape[1] / scale), round(image.shape[0] / scale)), cv2.INTER_AREA)
    height, width = image.shape[:2]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    square: npt.NDArray[np.uint8] = np.zeros((side, side, 3), np.uint8)
    square[top : top + height, left : left + width] = image
    candidates: list[Detection] = []
    for region in _regions(side, CLOSE_LOOK if closely else LOOK):
        candidates += _detect_in(square, region, threads)
    candidates.sort(key=lambda found: -found.score * found.side)
    kept: list[Detection] = []
    offset = np.array([left, top], np.float32)
    for candidate in candidates:
        if all(_overlap(candidate, other) < OVERLAP_MAX for other in kept):
            kept.append(candidate)
    factor = np.float32(scale)
    return [
        Detection(d.score, (d.centre - offset) * factor, d.side * scale, (d.keypoints - offset) * factor) for d in kept
    ]
