"""How long parts of a step take, on a device that works on after it was called."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import torch


class Mark(Protocol):
    """A moment of the device's work. Made by a stopwatch; `since` may be asked once the device has passed it."""

    def since(self, earlier: "Mark") -> float:
        """Seconds from `earlier`, a mark of the same kind, to this one."""
        ...

    def wait(self) -> None:
        """Until the device has passed it."""
        ...


class HostMark:
    """A moment of the host's clock: the host does the work itself."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def since(self, earlier: Mark) -> float:
        assert isinstance(earlier, HostMark)
        return self.seconds - earlier.seconds

    def wait(self) -> None:
        """It has."""


class CudaMark:
    """A moment of a card's current stream, written down by the card."""

    def __init__(self, device: torch.device) -> None:
        self._event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        self._event.record(torch.cuda.current_stream(device))

    def since(self, earlier: Mark) -> float:
        assert isinstance(earlier, CudaMark)
        self.wait()
        return float(earlier._event.elapsed_time(self._event)) / 1000

    def wait(self) -> None:
        self._event.synchronize()


def stopwatch(device: torch.device, clock: Callable[[], float] = time.perf_counter) -> Callable[[], Mark]:
    """What makes marks of this device's work."""
    if device.type == "cuda":
        return lambda: CudaMark(device)
    return lambda: HostMark(clock())
