"""Coarse grids of displacement: fields are smooth, so they are summed and inverted every few pixels, then enlarged."""

from dataclasses import dataclass

import cv2
import numpy as np

from deployments.contracts import Float32
from deployments.video.sampling import resized, sample


@dataclass(frozen=True, slots=True)
class Grid:
    """Points every `step` pixels over the rectangle [left, right) x [top, bottom) of the frame, one more all round.
    Cell j covers `step` pixels and its point is their centre, so that enlarging by `step` lands on pixels."""

    left: int
    top: int
    right: int
    bottom: int
    step: int
    x: Float32
    y: Float32

    @classmethod
    def over(cls, left: int, top: int, right: int, bottom: int, step: int) -> "Grid":
        columns, rows = -(-(right - left) // step) + 2, -(-(bottom - top) // step) + 2
        x, y = np.meshgrid(
            (left + (np.arange(columns) - 1) * step + (step - 1) / 2).astype(np.float32),
            (top + (np.arange(rows) - 1) * step + (step - 1) / 2).astype(np.float32),
        )
        return cls(left, top, right, bottom, step, x, y)

    def places(self) -> Float32:
        """float32 [rows, columns, 2]: the points themselves."""
        return np.stack([self.x, self.y], -1)

    def enlarged(self, values: Float32) -> Float32:
        """Values at the points, [rows, columns(, c)], to one for each pixel of the rectangle."""
        rows, columns = values.shape[:2]
        step = self.step
        full = resized(values, (columns * step, rows * step))
        return full[step : step + self.bottom - self.top, step : step + self.right - self.left]


class Inverter:
    """Turns a forward field around: where does each of some places come from? Its arrays are laid out once."""

    def __init__(self, over: Grid, places: Float32) -> None:
        """over: the grid that fields are given on. places: float32 [rows, columns, 2], frame pixels."""
        self._corner = np.broadcast_to(np.array([over.x[0, 0], over.y[0, 0]], np.float32), places.shape).copy()
        self._step = np.float32(over.step)
        self._start = (places - self._corner) / self._step

    def __call__(self, field: Float32, rounds: int) -> Float32:
        """q with q + field(q) = place, by fixed-point iteration. field: frame pixels, [rows, columns, 2] of the grid.
        Returns frame pixels, of the places' shape."""
        steps = field * (1 / self._step)
        source = self._start
        for _ in range(rounds):
            source = self._start - sample(steps, source)
        return source * self._step + self._corner


def combine(weights: Float32, basis: Float32) -> Float32:
    """The weighted sum of fields: weights [k], basis [k, n] to float32 [n], in a fixed order.

    Not a matrix product: BLAS may share that out among threads, which spin, and which round each in its own order.
    """
    total = np.zeros((1, basis.shape[1]), np.float32)
    for number, weight in enumerate(weights):
        if weight:
            cv2.scaleAdd(basis[number : number + 1], float(weight), total, total)
    return np.asarray(total[0], np.float32)
