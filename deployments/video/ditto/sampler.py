"""Denoising diffusion, implicit and with noise added back (DDIM, arXiv 2010.02502, eta 1), as the published sampler
does it. For numpy arrays and torch tensors alike; coefficients are Python numbers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
import torch

from deployments.contracts import Float32
from deployments.errors import EngineFailed
from deployments.video.ditto.sizes import CONDITION_DIMS, MOTION_DIMS, WINDOW_FRAMES

Array = TypeVar("Array", Float32, torch.Tensor)
TRAINING_STEPS = 1000
_OFFSET = 0.008
_MOST_BETA = 0.999


@dataclass(frozen=True, slots=True)
class Step:
    """From one time to the next: x' = keep·x0 + noise·ε + fresh·z, with ε = to_noise·x - from_motion·x0.

    `time`: what the network is asked with, 0 to 999. The last step has keep 1 and nothing else: x' = x0.
    """

    time: int
    to_noise: float
    from_motion: float
    keep: float
    noise: float
    fresh: float


@cache
def remaining() -> Float32:
    """The share of the signal's variance that is left at each of the 1000 times. Cosine schedule (arXiv 2102.09672,
    eq. 17) in double precision, rounded; its product as torch forms it of single precision."""
    angles = (np.arange(TRAINING_STEPS + 1, dtype=np.float64) / TRAINING_STEPS + _OFFSET) / (1 + _OFFSET) * np.pi / 2
    left = np.cos(angles) ** 2
    betas = np.clip(1 - left[1:] / left[:-1], 0, _MOST_BETA).astype(np.float32)
    product = np.cumprod(np.float32(1) - betas, dtype=np.float64).astype(np.float32)
    product.flags.writeable = False
    return product


def times(steps: int) -> list[int]:
    """Of `steps` steps, latest first: 999, … The published list, linspace(-1, 999) cut to integers.

    Raises ValueError unless 1 ≤ steps ≤ 1000.
    """
    if not 1 <= steps <= TRAINING_STEPS:
        raise ValueError(f"{steps} diffusion steps: 1 to {TRAINING_STEPS} are possible")
    return [int(TRAINING_STEPS * i / steps - 1) for i in range(steps, 0, -1)]


@cache
def schedule(steps: int) -> tuple[Step, ...]:
    """The steps in their order. Coefficients are worked out in single precision, as published: the first `noise` of ten
    steps, a small difference of numbers near one, is 3.45e-4 so, and would be 3.10e-4 in double precision."""
    left = remaining()
    one = np.float32(1)
    listed = times(steps)
    found = []
    for time, following in pairwise(listed):
        now, then = left[time], left[following]
        fresh = np.sqrt((one - now / then) * (one - then) / (one - now))
        # Where it is nothing, as in the first of two or three steps, rounding may take it below.
        noise = np.sqrt(np.maximum(one - then - fresh * fresh, np.float32(0)))
        signal = (one / np.sqrt(one - now), np.sqrt(now / (one - now)), np.sqrt(then))
        found.append(Step(time, *(float(value) for value in (*signal, noise, fresh))))
    return (*found, Step(listed[-1], 0.0, 0.0, 1.0, 0.0, 0.0))


def noise_in(x: Array, motion: Array, time: int) -> Array:
    """The noise in x [b, 80, 265] at a time, given the motion without it; the published graph's `pred_noise`."""
    left = float(remaining()[time])
    found: Array = (1 - left) ** -0.5 * x - (left / (1 - left)) ** 0.5 * motion
    return found


def denoise(predict: Callable[[int, Array], Array], noise: Array) -> Array:
    """Motion [b, 80, 265] from noise [steps, b, 80, 265]: its first entry is x_T, entry i is added by step i - 1.

    `predict(i, x)` is the network's motion without noise [b, 80, 265] at the time of step i. All in single precision.
    """
    x = noise[0]
    steps = schedule(len(noise))
    for index, step in enumerate(steps[:-1]):
        motion = predict(index, x)
        found_noise = step.to_noise * x - step.from_motion * motion
        x = step.keep * motion + step.noise * found_noise + step.fresh * noise[index + 1]
    return predict(len(steps) - 1, x)


def check_window(conditions: Float32, first: Float32, noise: Float32) -> None:
    """Raises EngineFailed where the arguments of `Diffuser.sample` do not fit each other."""
    rows = len(conditions)
    wanted = (
        (rows, WINDOW_FRAMES, CONDITION_DIMS),
        (rows, MOTION_DIMS),
        (len(noise), rows, WINDOW_FRAMES, MOTION_DIMS),
    )
    if not rows or not len(noise) or (conditions.shape, first.shape, noise.shape) != wanted:
        shapes = f"conditions {conditions.shape}, first {first.shape}, noise {noise.shape}"
        raise EngineFailed(f"The motion model was asked with {shapes}, which do not fit together. This is a defect.")
