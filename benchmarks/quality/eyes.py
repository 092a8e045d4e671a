"""Blinks: how often the eyes shut, and for how long."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
SHUT_SHARE = 0.75
"""An eye that is open less than this of the film's median is in a blink (Soukupová and Čech leave the threshold to the
person: shares of the own median suit narrow eyes and glasses too)."""
_LONGEST_SECONDS = 0.6
"""Longer, the eyes are shut or look down: human blinks last 0.1 to 0.4 s."""


@dataclass(frozen=True, slots=True)
class Blinks:
    """`times`: seconds at which the eyes are least open. `a_minute`: their rate; people in conversation blink some 26
    times a minute (Bentivoglio and others, Movement Disorders 1997; 17 at rest), a still picture never. `seconds`:
    median length; 0 without a blink. `openness`: median least opening of a blink over the usual one, 1 without."""

    times: tuple[float, ...]
    a_minute: float
    seconds: float
    openness: float


def blinks(aspect: Float64, times: Float64, picture_seconds: float) -> Blinks:
    """`aspect`: float64 [pictures], as `faces.eye_aspect` gives it. `times`: when each picture is shown, seconds."""
    share = aspect / max(float(np.median(aspect)), 1e-6)
    edges = np.flatnonzero(np.diff(np.r_[False, share < SHUT_SHARE, False].astype(np.int8))).reshape(-1, 2)
    runs = [(first, last) for first, last in edges if (last - first) * picture_seconds <= _LONGEST_SECONDS]
    lowest = [first + int(np.argmin(share[first:last])) for first, last in runs]
    minutes = len(aspect) * picture_seconds / 60
    return Blinks(
        times=tuple(float(times[place]) for place in lowest),
        a_minute=len(runs) / minutes,
        seconds=float(np.median([(last - first) * picture_seconds for first, last in runs])) if runs else 0.0,
        openness=float(np.median(share[lowest])) if runs else 1.0,
    )
