"""How far one runtime's results are from another's, and how far they may be."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from deployments.errors import EngineUnusable
from deployments.video.ditto.runtimes.settings import Precision

EQUAL_DB = 999.0
"""Stands for the infinite PSNR of equal results, which JSON cannot hold."""
LEAST_DB: dict[Precision, float] = {"fp32": 80.0, "fp16": 45.0, "int8": 38.0}
"""Of pictures and volumes against torch in float32. In float32 only the order of sums differs."""


@dataclass(frozen=True, slots=True)
class Distance:
    """`largest`: the largest difference as a share of the largest value. `psnr_db`: of that value as the peak."""

    largest: float
    psnr_db: float


def distance(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> Distance:
    """The worst of several outputs. One that is not finite, or of another shape, is infinitely far."""
    each = [_distance(a, b) for a, b in zip(found, wanted, strict=True)]
    return Distance(max(one.largest for one in each), min(one.psnr_db for one in each))


def require_close(measured: Distance, precision: Precision, what: str) -> None:
    """Raises EngineUnusable with the measured figure where it is below what the precision must reach."""
    least = LEAST_DB[precision]
    if not measured.psnr_db >= least:
        advice = {
            "int8": "Calibrate on more of your avatars, or use fp16.",
            "fp16": "Use fp32 for these weights.",
            "fp32": "The library computes something else than torch: use another version of it, or the runtime torch.",
        }[precision]
        raise EngineUnusable(
            f"{what} in {precision} is {measured.psnr_db:.1f} dB from torch in fp32; {least:g} dB are needed. {advice}"
        )


def _distance(found: Tensor, wanted: Tensor) -> Distance:
    if found.shape != wanted.shape or not bool(torch.isfinite(found).all()):
        return Distance(float("inf"), float("-inf"))
    exact = wanted.double().cpu()
    off = (found.double().cpu() - exact).abs()
    peak = float(exact.abs().max()) or 1.0
    mean_square = float((off**2).mean())
    psnr = EQUAL_DB if mean_square == 0 else float(10 * torch.log10(torch.tensor(peak**2 / mean_square)))
    return Distance(float(off.max()) / peak, psnr)
