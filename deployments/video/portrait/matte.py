"""Which pixels are the person: so that the head moves and what is behind it stays."""

import cv2
import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32, Image
from deployments.video.faces import indices as at
from deployments.video.portrait.curves import Numbers
from deployments.video.sampling import blurred, resized

WORK_SHRINK = 2
"""The cut is made at the frame's size over this; its edge is refined at the frame's size."""
ROUNDS = 4
RIM = 4
"""Frame pixels by which the person is taken wider than the cut, so that no hair is left standing behind."""
FEATHER = 6
"""Frame pixels over which the rim fades into the background."""
AGREEMENT_MIN = 0.90
"""Share of the certain person that the cut must keep, and of the certain background that it must leave."""

_SURE, _MAYBE, _MAYBE_NOT, _NOT = cv2.GC_FGD, cv2.GC_PR_FGD, cv2.GC_PR_BGD, cv2.GC_BGD


def person_matte(texture: Image, points: Float32, frame_size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """How much of each pixel moves with the person: uint8 [h, w] at the frame's size, 255 on the person.

    A colour cut (GrabCut) started from where head and shoulders must be. Where it goes wrong, as with hair and wall
    of one colour, a soft outline of head and shoulders takes its place.
    """
    width, height = frame_size
    flat = points[:, :2]
    frame = resized(texture, frame_size, cv2.INTER_AREA)
    small = resized(frame, (width // WORK_SHRINK, height // WORK_SHRINK), cv2.INTER_AREA)
    start = _start(flat / np.float32(WORK_SHRINK), (small.shape[1], small.shape[0]))
    cut = _cut(small, start)
    if not _plausible(cut, start):
        return _outline(flat, frame_size)
    cut = _with_whole_head(cut, flat / np.float32(WORK_SHRINK))
    person = resized(cut.astype(np.float32), frame_size)
    person = _guided(frame, person)
    return _widened(person)


def _start(flat: Float32, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """GrabCut's labels: certain on face and neck, likely on hair and shoulders, certain background far beside them."""
    width, height = size
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    half = float(np.linalg.norm(flat[at.LEFT_CHEEK] - flat[at.RIGHT_CHEEK])) / 2
    centre = float(flat[at.LEFT_CHEEK, 0] + flat[at.RIGHT_CHEEK, 0]) / 2
    top, chin = float(flat[at.FOREHEAD, 1]), float(flat[at.CHIN, 1])
    middle, half_height = (top + chin) / 2, (chin - top) / 2
    labels = np.full((height, width), _MAYBE_NOT, np.uint8)
    head = ((x - centre) / (1.35 * half)) ** 2 + ((y - middle + 0.15 * half_height) / (1.65 * half_height)) ** 2 < 1
    slope = np.clip((y - chin) / (1.1 * half_height), 0, 1)
    shoulders = (y > chin) & (np.abs(x - centre) < half * (0.75 + 1.15 * slope))
    labels[head | shoulders] = _MAYBE
    core = (y > chin - 0.2 * half_height) & (np.abs(x - centre) < 0.55 * half)
    labels[core] = _SURE
    oval = np.round((flat[at.FACE_OVAL] - [centre, middle]) * 0.96 + [centre, middle]).astype(np.int32)
    cv2.fillPoly(labels, [oval], _SURE)
    far = (np.abs(x - centre) > 2.0 * half) & (y < chin)
    border = (x < 3) | (x > width - 4)
    labels[far | (border & (y < chin))] = _NOT
    return labels


def _cut(small: Image, start: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """The person's connected region, its holes filled."""
    labels = start.copy()
    # GrabCut draws its first clusters at random: fixed, so that a photo always gives the same avatar.
    cv2.setRNGSeed(1)
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(small, labels, None, background, foreground, ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    person = ((labels == _SURE) | (labels == _MAYBE)).astype(np.uint8)
    person = np.asarray(cv2.morphologyEx(person, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    person = np.asarray(cv2.morphologyEx(person, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)), np.uint8)
    _, regions = cv2.connectedComponents(person)
    regions = np.asarray(regions)
    counts = np.bincount(regions[start == _SURE].ravel(), minlength=2)
    counts[0] = 0
    person = (regions == counts.argmax()).astype(np.uint8)
    contours, _ = cv2.findContours(person, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(person)
    cv2.drawContours(filled, contours, -1, 1, cv2.FILLED)
    return np.asarray(filled > 0, np.bool_)


def _with_whole_head(cut: npt.NDArray[np.bool_], flat: Float32) -> npt.NDArray[np.bool_]:
    """The cut with the convex hull of its head: a part of a hat left behind tears when the head turns, a corner of
    the background taken along does not show."""
    eyes = int(flat[[at.RIGHT_EYE_OUTER, at.LEFT_EYE_OUTER], 1].mean())
    half = float(np.linalg.norm(flat[at.LEFT_CHEEK] - flat[at.RIGHT_CHEEK])) / 2
    centre = float(flat[at.LEFT_CHEEK, 0] + flat[at.RIGHT_CHEEK, 0]) / 2
    head = cut.copy()
    head[eyes:] = False
    head[:, np.abs(np.arange(cut.shape[1]) - centre) > 1.9 * half] = False
    rows, columns = np.nonzero(head)
    if len(rows) < 3:
        return cut
    hull = cv2.convexHull(np.stack([columns, rows], 1).astype(np.int32))
    filled = np.zeros(cut.shape, np.uint8)
    cv2.fillConvexPoly(filled, hull, 1)
    reach = 2 * int(0.09 * half) + 1
    filled = np.asarray(cv2.dilate(filled, np.ones((reach, reach), np.uint8)), np.uint8)
    filled[eyes:] = 0
    return np.asarray(cut | (filled > 0), np.bool_)


def _plausible(cut: npt.NDArray[np.bool_], start: npt.NDArray[np.uint8]) -> bool:
    """Whether the cut keeps the likely head and leaves some background beside it."""
    likely = (start == _SURE) | (start == _MAYBE)
    kept = float(cut[start == _SURE].mean())
    head = float(cut[likely].mean())
    unlikely = start == _MAYBE_NOT
    spilled = float(cut[unlikely].mean()) if unlikely.any() else 0.0
    return kept > AGREEMENT_MIN and head > 0.75 and spilled < 0.75


def _guided(frame: Image, person: Float32) -> Float32:
    """The matte's edge drawn to the picture's: a guided filter (He, Sun and Tang 2010) on luminance."""
    guide = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.float32) / np.float32(255)
    window = (9, 9)

    def mean(values: Numbers) -> Float32:
        return np.asarray(cv2.blur(values, window), np.float32)

    mean_guide, mean_person = mean(guide), mean(person)
    covariance = mean(np.asarray(guide * person, np.float32)) - mean_guide * mean_person
    variance = mean(guide * guide) - mean_guide * mean_guide
    gain = covariance / (variance + np.float32(2e-3))
    offset = mean_person - gain * mean_guide
    return np.clip(mean(gain) * guide + mean(offset), 0, 1).astype(np.float32)


def _widened(person: Float32) -> npt.NDArray[np.uint8]:
    """255 up to RIM pixels outside the person, then a feather that only ever covers background."""
    solid = (person > 0.35).astype(np.uint8)
    outside = np.asarray(cv2.distanceTransform(1 - solid, cv2.DIST_L2, 5), np.float32)
    faded = 1 - np.clip((outside - RIM) / FEATHER, 0, 1)
    faded = faded * faded * (3 - 2 * faded)
    return np.asarray(np.clip(blurred(faded.astype(np.float32), 1.0) * 255 + 0.5, 0, 255), np.uint8)


def _outline(flat: Float32, frame_size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """A wide soft shape of head and shoulders."""
    start = _start(flat, frame_size)
    likely = ((start == _SURE) | (start == _MAYBE)).astype(np.uint8)
    half = float(np.linalg.norm(flat[at.LEFT_CHEEK] - flat[at.RIGHT_CHEEK])) / 2
    outside = np.asarray(cv2.distanceTransform(1 - likely, cv2.DIST_L2, 5), np.float32)
    faded = 1 - np.clip((outside - 0.15 * half) / (0.6 * half), 0, 1)
    faded = faded * faded * (3 - 2 * faded)
    return np.asarray(np.clip(faded * 255 + 0.5, 0, 255), np.uint8)
