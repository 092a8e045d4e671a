"""Displacement fields of the head as a whole: a relief turned in depth, carried on the neck."""

import numpy as np

from deployments.contracts import Float32
from deployments.video.faces import indices as at
from deployments.video.portrait.curves import bell, smoothstep
from deployments.video.portrait.geometry import Geometry
from deployments.video.sampling import blurred

HEAD_FIELDS = ("yaw", "pitch", "roll", "shift_x", "shift_y", "zoom", "breath")
BORDER = 0.05
"""Movement fades over this share of the frame's width towards its upper edges, beyond which there is no photo."""


def head_weight(face: Geometry, x: Float32, y: Float32) -> Float32:
    """1 on the head and its hair, falling over the neck and shoulders to 0."""
    points, half = face.points, face.face_half
    centre = float(points[at.RIGHT_CHEEK, 0] + points[at.LEFT_CHEEK, 0]) / 2
    top, chin = float(points[at.FOREHEAD, 1]), float(points[at.CHIN, 1])
    middle, half_height = (top + chin) / 2, (chin - top) / 2
    # Narrower towards the chin, where what is beside the head is hair's end or background.
    breadth = half * (1.75 - 0.45 * smoothstep((y - middle) / half_height))
    across = (x - centre) / breadth
    along = np.where(y < middle, (y - middle) / (2.2 * half_height), (y - middle) / (1.35 * half_height))
    radius = np.sqrt(across * across + along * along)
    weight = 1 - smoothstep((radius - 0.80) / 1.0)
    weight = weight * (1 - 0.35 * smoothstep((y - chin) / (1.2 * half_height)))
    width, _height = face.frame_size
    edge = np.minimum(np.minimum(x, width - 1 - x), y) / (BORDER * width)
    return np.asarray(weight * smoothstep(edge), np.float32)


def _relief(face: Geometry, x: Float32, y: Float32) -> Float32:
    """Depth towards the camera in frame pixels: an ellipsoid for the head, a bump for the nose."""
    points, half = face.points, face.face_half
    centre = float(points[at.RIGHT_CHEEK, 0] + points[at.LEFT_CHEEK, 0]) / 2
    top, chin = float(points[at.FOREHEAD, 1]), float(points[at.CHIN, 1])
    middle, half_height = (top + chin) / 2, (chin - top) / 2
    square = 1 - ((x - centre) / (1.35 * half)) ** 2 - ((y - middle) / (1.6 * half_height)) ** 2
    ellipsoid = blurred(np.sqrt(np.clip(square, 0, None)).astype(np.float32), 3)
    nose_x, nose_y = float(points[at.NOSE_TIP, 0]), float(points[at.NOSE_TIP, 1])
    nose = bell(x - nose_x, 0.33 * half) * bell(y - nose_y + 0.12 * half_height, 0.42 * half_height)
    return np.asarray(half * (ellipsoid + 0.28 * nose), np.float32)


def head_fields(face: Geometry, x: Float32, y: Float32) -> Float32:
    """float32 [HEAD_FIELDS, rows, columns, 2]: pixels for one radian of yaw, pitch and roll, one pixel of shift, zoom
    by one, one pixel of breath."""
    weight, depth = head_weight(face, x, y), _relief(face, x, y)
    points = face.points
    centre = float(points[at.RIGHT_CHEEK, 0] + points[at.LEFT_CHEEK, 0]) / 2
    top, chin = float(points[at.FOREHEAD, 1]), float(points[at.CHIN, 1])
    half_height = (chin - top) / 2
    neck = chin + 0.35 * half_height
    zero = np.zeros_like(x)
    shoulders = smoothstep((y - chin) / (0.9 * half_height))
    breath = -(0.35 + 0.65 * shoulders) * bell(x - centre, 2.6 * face.face_half, 4)
    fields = {
        "yaw": (depth * weight, zero),
        "pitch": (zero, -depth * weight),
        "roll": (-(y - neck) * weight, (x - centre) * weight),
        "shift_x": (weight, zero),
        "shift_y": (zero, weight),
        "zoom": ((x - centre) * weight, (y - (top + chin) / 2) * weight),
        "breath": (zero, breath * smoothstep(y / (BORDER * face.frame_size[0]))),
    }
    return np.stack([np.stack(fields[name], -1) for name in HEAD_FIELDS]).astype(np.float32)
