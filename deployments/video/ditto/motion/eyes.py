"""How far eyes are open and where they look, from the 478 points of a face mesh.

Equal to the published measures (tests/data/ditto/eye.npz)."""

from typing import NamedTuple

import numpy as np

from deployments.contracts import Float32

MESH_POINTS = 478
_EPSILON = np.float32(1e-8)


class _Eye(NamedTuple):
    corners: tuple[int, int]
    lids: tuple[tuple[int, int], ...]
    iris: int


_EYES = (
    _Eye((33, 133), ((145, 159), (144, 160), (153, 158)), 468),
    _Eye((263, 362), ((374, 386), (373, 387), (380, 385)), 473),
)


def eye_open(points: Float32) -> Float32:
    """float32 [n, 2], left and right: three distances between the lids over the eye's width.

    `points`: float32 [n, 478, 3], x y z in units of the picture's width, height and width.
    """
    opened = [sum(_distance(points, *pair) for pair in eye.lids) / _width(points, eye) for eye in _EYES]
    return np.stack(opened, axis=1).astype(np.float32, copy=False)


def eye_ball(points: Float32) -> Float32:
    """float32 [n, 6], Lx Rx Ly Ry Lz Rz: the iris's way from the eye's centre, less as much along the eye's axis."""
    looks = []
    for eye in _EYES:
        first, second = (points[:, corner] for corner in eye.corners)
        away = points[:, eye.iris] - (first + second) * np.float32(0.5)
        looks.append((_unit(away) - _unit(first - second)) * _length(away))
    return np.stack(looks, axis=2).reshape(len(points), 6).astype(np.float32, copy=False)


def _distance(points: Float32, one: int, other: int) -> Float32:
    return _length(points[:, one] - points[:, other])[:, 0]


def _width(points: Float32, eye: _Eye) -> Float32:
    return _distance(points, *eye.corners) + _EPSILON


def _unit(vectors: Float32) -> Float32:
    return vectors / (_length(vectors) + _EPSILON)


def _length(vectors: Float32) -> Float32:
    length: Float32 = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return length
