"""Time on a device, of work that is queued and of work that is done."""

import time
from collections.abc import Callable
from statistics import median

import torch

WARM_UPS = 5
"""First runs compile, choose kernels and record graphs."""
CHUNKS = 5


def seconds_of(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Of one run, when runs follow one another without a pause: the median of five stretches of about a fifth of
    `seconds` each. By the device's own events on a GPU. With no `seconds`, one run, which says little."""
    if not seconds:
        return _stretch(work, device, 1)
    for _ in range(WARM_UPS):
        work()
    once = max(_stretch(work, device, 1), 1e-6)
    runs = max(1, round(seconds / CHUNKS / once))
    return median(_stretch(work, device, runs) / runs for _ in range(CHUNKS))


def _stretch(work: Callable[[], object], device: torch.device, runs: int) -> float:
    if device.type != "cuda":
        began = time.perf_counter()
        for _ in range(runs):
            work()
        return time.perf_counter() - began
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    torch.cuda.synchronize(device)
    start.record()
    for _ in range(runs):
        work()
    end.record()
    torch.cuda.synchronize(device)
    return float(start.elapsed_time(end)) / 1000


def peak_bytes(device: torch.device) -> int | None:
    """Most that torch has held since `forget_peak`; None on a CPU."""
    return int(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else None


def forget_peak(device: torch.device) -> None:
    """Lets go of what is not used, and counts anew."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
