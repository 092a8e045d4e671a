"""Curves of one variable: the smooth step, and a smooth line through landmarks."""

from typing import Any

import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32

Numbers = npt.NDArray[np.floating[Any]]


def smoothstep(value: Numbers | float) -> Float32:
    """0 up to 0, 1 from 1, with level ends: 3v² - 2v³ between."""
    v = np.clip(np.asarray(value, np.float32), 0, 1)
    return np.asarray(v * v * (3 - 2 * v), np.float32)


def bell(distance: Numbers, width: float | Numbers, power: float = 2.0) -> Float32:
    """exp(-(|distance| / width) ** power)."""
    return np.asarray(np.exp(-((np.abs(distance) / width) ** power)), np.float32)


class Curve:
    """A line y(x) through points that never overshoots: monotone cubic Hermite (Fritsch and Carlson 1980, with the
    weighted harmonic mean of Fritsch and Butland 1984 for the slopes). Level beyond the ends."""

    def __init__(self, x: Float32, y: Float32) -> None:
        order = np.argsort(x)
        sorted_x, sorted_y = np.asarray(x, np.float64)[order], np.asarray(y, np.float64)[order]
        apart = np.r_[True, np.diff(sorted_x) > 1e-3]
        self._x, self._y = sorted_x[apart], sorted_y[apart]
        step = np.diff(self._x)
        slope = np.diff(self._y) / step
        before, after = slope[:-1], slope[1:]
        weight_before, weight_after = 2 * step[1:] + step[:-1], step[1:] + 2 * step[:-1]
        same = before * after > 0
        safe_before, safe_after = np.where(same, before, 1.0), np.where(same, after, 1.0)
        inner = (weight_before + weight_after) / (weight_before / safe_before + weight_after / safe_after)
        self._slope = np.r_[slope[0], np.where(same, inner, 0.0), slope[-1]]

    def __call__(self, x: Float32) -> Float32:
        """float32 of x's shape."""
        at = np.clip(np.asarray(x, np.float64), self._x[0], self._x[-1])
        left = np.clip(np.searchsorted(self._x, at, "right") - 1, 0, len(self._x) - 2)
        step = self._x[left + 1] - self._x[left]
        u = (at - self._x[left]) / step
        value = (
            (1 + 2 * u) * (1 - u) ** 2 * self._y[left]
            + u * (1 - u) ** 2 * step * self._slope[left]
            + u * u * (3 - 2 * u) * self._y[left + 1]
            - u * u * (1 - u) * step * self._slope[left + 1]
        )
        return np.asarray(value, np.float32)
