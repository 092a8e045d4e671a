"""The motion model: windows of 80 frames, as published and as served."""

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.gpu.clock import forget_peak, peak_bytes, seconds_of
from benchmarks.gpu.networks import SEED, Networks
from deployments.contracts import FRAMES_PER_SECOND
from deployments.video.ditto import sampler
from deployments.video.ditto.fast.diffusion import CachedDiffuser
from deployments.video.ditto.sizes import CONDITION_DIMS, MOTION_DIMS, WINDOW_FRAMES

STEPS = (5, 10, 25, 50)
BATCHES = (1, 2, 4)
NEW_FRAMES = 10
"""Of a window of 80 in the online mode with an overlap of 70; the others repeat what was known."""


def windows(networks: Networks, device: torch.device, seconds: float, steps: tuple[int, ...]) -> list[dict[str, Any]]:
    """Milliseconds of a window by steps and batch; and how far ours are from the published ones in motion."""
    runs = []
    for count in steps:
        asked = _asked(1, count)
        published = copy.deepcopy(networks.diffusion).to(device)
        took, expected = _published(published, asked, device, seconds)
        runs.append(_told("published", count, 1, took, 0.0, device))
        del published
        for batch in BATCHES if seconds else BATCHES[:1]:
            forget_peak(device)
            diffuser = CachedDiffuser(copy.deepcopy(networks.diffusion), device)
            several = _asked(batch, count)
            took = seconds_of(lambda diffuser=diffuser, several=several: diffuser.sample(*several), device, seconds)
            off = float(np.abs(diffuser.sample(*asked) - expected).max())
            runs.append(_told("ours", count, batch, took, off, device))
    return runs


@torch.inference_mode()
def _published(network: Any, asked: Any, device: torch.device, seconds: float) -> tuple[float, Any]:
    """Conditional and unconditional branch at every step, nothing kept. Seconds of a window, and its motion."""
    condition, first, noise = (torch.from_numpy(array).to(device) for array in asked)
    times = sampler.times(len(noise))

    def predict(step: int, x: Tensor) -> Tensor:
        found: Tensor = network(x, first, condition, torch.full((len(x),), times[step], device=device))
        return found

    def run() -> Tensor:
        return sampler.denoise(predict, noise)

    return seconds_of(run, device, seconds), run().cpu().numpy()


def _asked(batch: int, steps: int) -> tuple[Any, Any, Any]:
    chance = np.random.default_rng(SEED)
    shapes = ((batch, WINDOW_FRAMES, CONDITION_DIMS), (batch, MOTION_DIMS), (steps, batch, WINDOW_FRAMES, MOTION_DIMS))
    condition, first, noise = (chance.normal(0, 1, shape).astype(np.float32) for shape in shapes)
    return condition, first, noise


def _told(way: str, steps: int, batch: int, took: float, off: float, device: torch.device) -> dict[str, Any]:
    media = NEW_FRAMES / FRAMES_PER_SECOND
    return {
        "way": way,
        "steps": steps,
        "batch": batch,
        "milliseconds_per_window": 1000 * took / batch,
        "share_of_real_time_online": took / batch / media,
        "most_difference_to_published": off,
        "peak_gigabytes": None if (peak := peak_bytes(device)) is None else peak / 1e9,
    }
