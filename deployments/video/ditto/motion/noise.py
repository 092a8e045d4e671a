"""Randomness that is a function of (seed, purpose, number): Philox keyed by them, so nothing is replayed.

numpy's Philox 4x64 with the key (seed, purpose) and the number in the counter's highest word: streams of different
numbers are 2^192 draws apart.
"""

import enum
from functools import lru_cache

import numpy as np

from deployments.contracts import Float32
from deployments.video.ditto.sizes import MOTION_DIMS, WINDOW_FRAMES


class Purpose(enum.IntEnum):
    """What is drawn. Values show in the frames: add, never renumber."""

    START = 1
    STEP = 2
    BLINK_GAP = 3


def generator(seed: int, purpose: Purpose, number: int) -> np.random.Generator:
    """Draws for the `number`-th thing of this purpose. `seed` and `number` in 0..2^63-1."""
    key = np.array([seed, int(purpose)], np.uint64)
    counter = np.array([0, 0, 0, number], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def window_noise(seed: int, window: int, steps: int) -> Float32:
    """float32 [steps, 80, 265], standard normal: where the sampler starts, then what its steps add.

    The start is each window's own; the steps' noise is the same in all windows of a stream, as published.
    """
    start = generator(seed, Purpose.START, window).standard_normal((1, WINDOW_FRAMES, MOTION_DIMS), np.float32)
    return np.concatenate([start, _step_noise(seed, steps - 1)])


@lru_cache(maxsize=16)
def _step_noise(seed: int, steps: int) -> Float32:
    """float32 [steps, 80, 265], 85 kB a step. Kept, since every window of a stream has the same."""
    drawn = [
        generator(seed, Purpose.STEP, step).standard_normal((WINDOW_FRAMES, MOTION_DIMS), np.float32)
        for step in range(steps)
    ]
    found = np.stack(drawn) if drawn else np.zeros((0, WINDOW_FRAMES, MOTION_DIMS), np.float32)
    found.flags.writeable = False
    return found
