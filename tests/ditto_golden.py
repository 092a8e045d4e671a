"""What the published Ditto modules gave for the inputs of tests/ditto_weights.py (tests/data/PROVENANCE.md).

Files and their arrays: F `out`; M `pitch yaw roll t exp scale kp`; W `out deformation occlusion mask_mean`; G `out`;
S `out`; LMDM `cond uncond pred_noise x_start ddim10`; crop_putback, eye, motion_stitch, audio2motion, and blaze_anchors
`anchors`. Large arrays are kept in part: every k-th entry of an axis, from the first on.
"""

import json
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.ditto_weights import DATA


@cache
def golden(name: str) -> dict[str, npt.NDArray[Any]]:
    """The stored arrays of a file, as they are stored."""
    with np.load(DATA / f"{name}.npz") as stored:
        return {key: stored[key] for key in stored.files}


@cache
def _steps() -> dict[str, dict[str, list[int]]]:
    found: dict[str, dict[str, list[int]]] = json.loads((DATA / "steps.json").read_text())
    return found


def kept(name: str, key: str) -> tuple[slice, ...]:
    """Which part of the whole array is stored; `()`, all of it, where it was not too large."""
    return tuple(slice(None, None, step) for step in _steps().get(name, {}).get(key, []))


def compare(name: str, key: str, output: npt.ArrayLike) -> float:
    """Largest absolute difference of a whole output, of the published shape, from the reference.

    Raises AssertionError where shapes differ or the output is not finite.
    """
    reference = golden(name)[key]
    found = np.asarray(output)[kept(name, key)]
    assert found.shape == reference.shape, f"{name}.{key}: {found.shape} for {reference.shape}"
    assert bool(np.isfinite(found).all()), f"{name}.{key} is not finite"
    return float(np.abs(found.astype(np.float64) - reference.astype(np.float64)).max())
