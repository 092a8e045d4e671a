"""One replica's share of its card: promised before anything is loaded, measured after warm-up."""

import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from deployments.gpu import mps
from deployments.gpu.errors import BudgetOutgrown, CardFull, CardTooSmall, DriverTooOld
from deployments.gpu.ledger import Ledger
from deployments.gpu.nvml import Card, Cards, NvmlCards, visible_card
from deployments.gpu.settings import GpuSettings

_ASK_AGAIN_SECONDS = 0.5
_CONTEXT_BYTES = 500_000_000
"""About what CUDA's context and its libraries take of a card beside torch's allocator, which does not count them."""
_log = logging.getLogger("ray.serve")


class ShareMeter(Protocol):
    """Who is told of budget and use: `deployments.gpu.metrics.GpuMetrics`."""

    def promised(self, card: str, budget_bytes: int) -> None: ...

    def used(self, card: str, used_bytes: int) -> None: ...


class Share:
    """A share that was granted. `settle` once, after warm-up; `observe` now and then."""

    def __init__(
        self, card: Card, cards: Cards, ledger: Ledger, budget_bytes: int, who: str, meter: ShareMeter
    ) -> None:
        self._card, self._cards, self._ledger = card, cards, ledger
        self._budget_bytes, self._who, self._meter = budget_bytes, who, meter
        meter.promised(card.name, budget_bytes)

    def settle(self) -> None:
        """Raises BudgetOutgrown where the replica holds more than it promised; its promise is then taken back."""
        used = self.observe()
        if used is None:
            _log.warning("What %s takes of the %s cannot be measured here: NVML shows no process of this container. "
                         "Start it with --pid=host to have budgets checked.", self._who, self._card.name)  # fmt: skip
        elif used > self._budget_bytes:
            self._ledger.leave()
            raise BudgetOutgrown(
                f"{self._who} takes {_gigabytes(used)} GB of the {self._card.name} after warm-up, more than the "
                f"{_gigabytes(self._budget_bytes)} GB it promised. Raise its gpu.vram_gigabytes and give the card to "
                "fewer replicas, or make its batches smaller."
            )
        else:
            _log.info("%s takes %s of the %s GB it promised of the %s",
                      self._who, _gigabytes(used), _gigabytes(self._budget_bytes), self._card.name)  # fmt: skip

    def observe(self) -> int | None:
        """Bytes this process holds of its card, told to the meter; None where that cannot be known."""
        used = self._cards.process_bytes(self._card, os.getpid())
        if used is None:
            used = _torch_bytes()
        if used is not None:
            self._meter.used(self._card.name, used)
        return used


class NoShare:
    """On a CPU, or where no budget was set: nothing is checked. Stands in for `Share`."""

    def settle(self) -> None: ...

    def observe(self) -> None: ...


def take_share(
    settings: GpuSettings,
    who: str,
    meter: Callable[[], ShareMeter],
    cards: Cards | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Share | NoShare:
    """Promises this replica's budget on the card that it sees. To be called before anything touches the card.

    Raises NoGpu, DriverTooOld, CardTooSmall, CardFull or MpsMissing, each with its remedy.
    """
    if settings.vram_gigabytes is None:
        return NoShare()
    cards = cards or NvmlCards()
    driver = cards.driver()
    if _numbers(driver) < _numbers(settings.min_driver):
        raise DriverTooOld(
            f"The NVIDIA driver is {driver}; {who} needs {settings.min_driver} or newer. Update the driver."
        )
    card = cards.card(visible_card())
    budget, most = int(settings.vram_gigabytes * 1e9), card.total_bytes - int(settings.reserve_gigabytes * 1e9)
    if budget > most:
        raise CardTooSmall(
            f"{who} wants {_gigabytes(budget)} GB; the {card.name} has {_gigabytes(card.total_bytes)} GB, "
            f"{settings.reserve_gigabytes:g} of them kept free. Use a bigger card, or lower its gpu.vram_gigabytes."
        )
    ledger = Ledger(Path(settings.ledger_folder), card.uuid)
    waited = 0.0
    while refusal := _refusal(ledger, who, budget, most, card, cards):
        if waited >= settings.patience_seconds:
            raise CardFull(refusal)
        sleep(_ASK_AGAIN_SECONDS)
        waited += _ASK_AGAIN_SECONDS
    try:
        mps.prepare(settings)
        if settings.capped_by == "torch":
            beside = _CONTEXT_BYTES + int(settings.beside_torch_gigabytes * 1e9)
            _cap_torch(max(0, budget - beside) / card.total_bytes)
    except Exception:
        ledger.leave()
        raise
    return Share(card, cards, ledger, budget, who, meter())


def _refusal(ledger: Ledger, who: str, budget_bytes: int, most_bytes: int, card: Card, cards: Cards) -> str:
    """Promises, and returns "", where there is room; otherwise says why there is none."""
    others = ledger.enter(who, budget_bytes, most_bytes)
    if others is not None:
        held = ", ".join(f"{promise.who} {_gigabytes(promise.bytes)} GB" for promise in others)
        return (
            f"{who} wants {_gigabytes(budget_bytes)} GB of the {card.name}; of {_gigabytes(most_bytes)} GB are "
            f"promised: {held}. Let fewer replicas on the card (max_replicas, num_gpus), or lower their "
            "gpu.vram_gigabytes."
        )
    free = card.total_bytes - cards.used_bytes(card)
    if free < budget_bytes:
        ledger.leave()
        return (
            f"{who} wants {_gigabytes(budget_bytes)} GB of the {card.name}, and only {_gigabytes(free)} GB are free: "
            "a program that is no replica uses it. See nvidia-smi, and end that program."
        )
    return ""


def _cap_torch(fraction: float) -> None:
    import torch

    torch.cuda.set_per_process_memory_fraction(min(1.0, fraction))


def _torch_bytes() -> int | None:
    """About what the process takes where torch is in use: what its allocator holds, and the context."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    return int(torch.cuda.memory_reserved()) + _CONTEXT_BYTES


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f}"
