"""Coarse grids of displacement: fields are smooth, so they are summed and inverted every few pixels, then enlarged."""

from dataclasses import dataclass

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

    def index(self, where: Float32) -> Float32:
        """Frame pixels [.., 2] to places in this grid's arrays."""
        corner = np.array([self.x[0, 0], self.y[0, 0]], np.float32)
        return np.asarray((where - corner) * np.float32(1 / self.step), np.float32)

    def places(self) -> Float32:
        """float32 [rows, columns, 2]: the points themselves."""
        return np.stack([self.x, self.y], -1)

    def enlarged(self, values: Float32) -> Float32:
        """Values at the points, [rows, columns(, c)], to one for each pixel of the rectangle."""
        rows, columns = values.shape[:2]
        step = self.step
        full = resized(values, (columns * step, rows * step))
        return full[step : step + self.bottom - self.top, step : step + self.right - self.left]


def invert(field: Float32, over: Grid, places: Float32, rounds: int) -> Float32:
    """Where each target place comes from: q with q + field(q) = place, by fixed-point iteration.

    field: displacement [rows, columns, 2] on the grid `over`; places: float32 [.., .., 2] in the frame.
    """
    source = places
    for _ in range(rounds):
        source = places - sample(field, over.index(source))
    return source


def combine(weights: Float32, basis: Float32) -> Float32:
    """The weighted sum of fields: weights [k], basis [k, n] to float32 [n], in a fixed order.

    Not a matrix product: BLAS may share that out among threads, which spin, and which round each in its own order.
    """
    total = np.zeros(basis.shape[1], np.float32)
    part = np.empty_like(total)
    for weight, field in zip(weights, basis, strict=True):
        if weight:
            np.multiply(field, weight, out=part)
            total += part
    return total
