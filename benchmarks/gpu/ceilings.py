"""What the device does at its best, found in the same run: products of big matrices, and copies."""

from typing import Any

import torch

from benchmarks.gpu.clock import seconds_of

SIDE = 8192
SMALL_SIDE = 256
COPY_BYTES = 2**30
SMALL_COPY_BYTES = 2**22


def ceilings(device: torch.device, seconds: float, small: bool) -> dict[str, Any]:
    """Teraflop (or int8 operations) a second of a square product in each type, and gigabytes a second of a copy, read
    and written. A type that the device does not have is null."""
    side = SMALL_SIDE if small else SIDE
    kinds = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
    found: dict[str, Any] = {f"{name}_teraflops": _product(kind, side, device, seconds) for name, kind in kinds.items()}
    found["int8_teraops"] = _product_int8(side, device, seconds)
    source = torch.empty(SMALL_COPY_BYTES if small else COPY_BYTES, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copied = seconds_of(lambda: target.copy_(source), device, seconds)
    return found | {"copy_gigabytes_per_second": 2 * source.numel() / copied / 1e9, "side": side}


def _product(kind: torch.dtype, side: int, device: torch.device, seconds: float) -> float | None:
    left, right = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
    try:
        return 2 * side**3 / seconds_of(lambda: left @ right, device, seconds) / 1e12
    except RuntimeError:  # no such product on this device
        return None


def _product_int8(side: int, device: torch.device, seconds: float) -> float | None:
    left, right = (torch.randint(-8, 8, (side, side), device=device).to(torch.int8) for _ in range(2))
    try:
        return 2 * side**3 / seconds_of(lambda: torch._int_mm(left, right), device, seconds) / 1e12
    except RuntimeError:
        return None
