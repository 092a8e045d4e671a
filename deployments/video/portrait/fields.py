"""Displacement fields of the face: which way each part moves, by one unit of each movement.

All are analytic functions of the place in face axes. The lips are two layers, upper and lower, split at the seam; a
layer's fields are only ever read on its side, save that both are equal outside the mouth's corners, where the layers
join. Units of the fields are frame pixels for one unit of the weight; weights.py says what a unit is.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from deployments.contracts import Float32
from deployments.video.faces.indices import LEFT_BROW, RIGHT_BROW
from deployments.video.portrait.curves import Numbers, bell, smoothstep
from deployments.video.portrait.geometry import Geometry

FACE_FIELDS = ("open", "wide", "pucker", "up", "low", "press", "tuck", "relax", "close", "brow")
Vector = tuple[Numbers | float, Numbers | float]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field is asked for, seen from one lip's layer. Lengths in frame pixels, face axes.

    `x`, `y_face`: from the mouth's centre; `y`: from the layer's seam; `t`: x over half the mouth's width.
    `window`: 1 amid the mouth, exactly 0 at and beyond its corners, full; `plateau`: the same, flat in the middle.
    `cheek`: 1 at the mouth, 0 at the side of the face; `vertical`: fades above the nose and below the chin.
    `gap`: how far apart the lips stand in the photo.
    """

    upper: bool
    x: Float32
    y_face: Float32
    y: Float32
    t: Float32
    window: Float32
    plateau: Float32
    cheek: Float32
    vertical: Float32
    gap: Float32


def place(face: Geometry, x_frame: Float32, y_frame: Float32, upper: bool) -> Place:
    """The place of frame pixels, for the upper or the lower lip's layer."""
    a = face.half_mouth
    x, y_face = face.to_face(x_frame, y_frame)
    seam_upper, seam_lower = face.seam_upper(x), face.seam_lower(x)
    y = y_face - (seam_upper if upper else seam_lower)
    t = x / np.float32(a)
    inside = np.clip(1 - np.abs(t) ** 2.2, 0, None).astype(np.float32)
    side = np.where(x < 0, face.cheek_right, face.cheek_left)
    narrow = 1 - smoothstep((np.abs(x) - a) / np.maximum(1.00 * side - a, 1))
    wide = 1 - smoothstep((np.abs(x) - 0.9 * a) / np.maximum(1.04 * side - 0.9 * a, 1))
    cheek = narrow + (wide - narrow) * smoothstep(np.maximum(y, 0) / face.chin_depth)
    vertical = bell(np.minimum(y, 0), 0.85 * face.nose_gap) * bell(np.maximum(y, 0), 0.75 * face.chin_depth)
    return Place(
        upper=upper,
        x=x,
        y_face=y_face,
        y=y,
        t=t,
        window=inside**0.75,
        plateau=smoothstep((1 - np.abs(t)) / 0.45),
        cheek=cheek,
        vertical=vertical,
        gap=np.clip(seam_lower - seam_upper, 0, None),
    )


def _open(face: Geometry, p: Place) -> Vector:
    """The jaw drops: the chin goes with it, the cheeks stretch, the neck stays. The upper lip rises a little."""
    falling = smoothstep((p.y + 0.85 * face.nose_gap) / (0.85 * face.nose_gap + 0.85 * face.chin_depth))
    neck = 1 - smoothstep((p.y - face.chin_depth) / (0.72 * face.chin_depth))
    if p.upper:
        return 0.0, 0.87 * falling * (1 - p.window) * p.cheek * neck - 0.13 * p.plateau * bell(p.y, face.nose_gap)
    stretch = 1 - 0.10 * smoothstep(p.y / face.chin_depth)
    return 0.0, 0.87 * (falling + (1 - falling) * p.window) * stretch * p.cheek * neck


def _outward(p: Place) -> Float32:
    """Sideways pull, growing to the corners and fading in the cheeks."""
    return p.t * bell(p.t, 1.75, 3) * p.vertical


def _wide(face: Geometry, p: Place) -> Vector:
    """Corners go out."""
    return face.half_mouth * _outward(p), 0.0


def _pucker(face: Geometry, p: Place) -> Vector:
    """Corners go in and the lips grow thicker."""
    lip = np.where(p.y < 0, face.lip_upper, face.lip_lower)
    swell = 0.50 * p.y * bell(p.y, 2.2 * lip) * bell(p.t, 1.3, 4) * p.vertical
    return -face.half_mouth * _outward(p), swell


def _up(face: Geometry, p: Place) -> Vector:
    """The upper lip rises."""
    return 0.0, -p.plateau * bell(np.minimum(p.y, 0), 1.05 * face.nose_gap) if p.upper else 0.0


def _low(face: Geometry, p: Place) -> Vector:
    """The lower lip sinks, the jaw staying."""
    return 0.0, 0.0 if p.upper else p.window * bell(np.maximum(p.y, 0), 0.55 * face.chin_depth)


def _press(face: Geometry, p: Place) -> Vector:
    """The lips' red is rolled in: each lip is drawn towards the seam."""
    lip = face.lip_upper if p.upper else face.lip_lower
    depth = np.abs(p.y) / lip
    roll = lip * depth * bell(depth, 1.25, 3) * bell(p.t, 1.05, 6)
    return 0.0, roll if p.upper else -roll


def _tuck(face: Geometry, p: Place) -> Vector:
    """The lower lip rises under the upper teeth."""
    if p.upper:
        return 0.0, 0.0
    return 0.0, -face.lip_lower * p.plateau * bell(np.maximum(p.y, 0), 1.15 * face.lip_lower)


def _relax(face: Geometry, p: Place) -> Vector:
    """A smile's corners sink and come in, and the cheeks above them follow. One unit: half the mouth's width."""
    corner = bell(np.abs(p.t) - 1.0, 0.62) * bell(np.minimum(p.y, 0), 1.1 * face.nose_gap)
    corner = corner * bell(np.maximum(p.y, 0), 0.75 * face.chin_depth)
    return -0.55 * face.half_mouth * np.sign(p.t) * corner * smoothstep(np.abs(p.t)), face.half_mouth * corner


def _close(face: Geometry, p: Place) -> Vector:
    """Shuts lips that stand apart in the photo: the lower lip does most of it, the jaw follows."""
    if p.upper:
        return 0.0, 0.32 * p.gap * bell(p.y, 0.9 * face.nose_gap)
    jaw = 1 - smoothstep((p.y - 0.9 * face.chin_depth) / (0.7 * face.chin_depth))
    return 0.0, -0.68 * p.gap * (0.6 * bell(p.y, 0.35 * face.chin_depth) + 0.4 * jaw * p.cheek)


def _brow(face: Geometry, p: Place) -> Vector:
    """The brows rise."""
    brow = float(face.local[np.r_[RIGHT_BROW, LEFT_BROW], 1].mean())
    eye = float(face.local[33, 1] + face.local[263, 1]) / 2
    height = abs(eye - brow)
    lid = np.where(p.y_face > brow, 1 - smoothstep((p.y_face - brow) / (0.8 * height)), 1)
    side = 1 - smoothstep((np.abs(p.x) - 0.75 * face.eye_span) / (0.4 * face.eye_span))
    return 0.0, -bell(p.y_face - brow + 0.35 * height, 0.85 * height) * lid * side


_FORMULAS: dict[str, Callable[[Geometry, Place], Vector]] = {
    "open": _open,
    "wide": _wide,
    "pucker": _pucker,
    "up": _up,
    "low": _low,
    "press": _press,
    "tuck": _tuck,
    "relax": _relax,
    "close": _close,
    "brow": _brow,
}


def face_fields(face: Geometry, x_frame: Float32, y_frame: Float32, upper: bool) -> Float32:
    """float32 [FACE_FIELDS, rows, columns, 2], in the frame's axes."""
    where = place(face, x_frame, y_frame, upper)
    zero = np.zeros_like(where.x)
    fields = []
    for name in FACE_FIELDS:
        along, down = _FORMULAS[name](face, where)
        fields.append(face.to_frame(zero + along, zero + down))
    return np.stack(fields).astype(np.float32)
