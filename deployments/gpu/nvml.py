"""What NVIDIA's management library tells of the cards, behind as much of an interface as is needed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from deployments.gpu.errors import NoGpu

_REMEDY = "Install NVIDIA's driver (nvidia-smi must answer), or use the CPU profile, serve_config.yaml."


@dataclass(frozen=True, slots=True)
class Card:
    """One physical GPU."""

    uuid: str
    name: str
    total_bytes: int


class Cards(Protocol):
    """The GPUs of this machine. Every verb may raise NoGpu."""

    def driver(self) -> str:
        """The driver's version, as 580.65.06."""
        ...

    def card(self, identifier: str) -> Card:
        """By its index, as NVML counts them, or by its UUID or the beginning of that."""
        ...

    def used_bytes(self, card: Card) -> int:
        """Of the card's memory, over all processes."""
        ...

    def process_bytes(self, card: Card, process_id: int) -> int | None:
        """What one process has taken of it; None where NVML does not see that process, as in most containers."""
        ...


def visible_card(index: int = 0) -> str:
    """Identifier of the GPU that CUDA calls `index` in this process: Ray shows each replica only its own.

    Raises NoGpu where the process sees none, or not so many.
    """
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is None:
        return str(index)
    names = [name.strip() for name in shown.split(",") if name.strip()]
    if index >= len(names) or names[index] == "-1":
        raise NoGpu(
            f"This replica sees no GPU number {index} (CUDA_VISIBLE_DEVICES={shown!r}). Give its deployment num_gpus."
        )
    return names[index]


class NvmlCards:
    """Implements `Cards` with nvidia-ml-py. Nothing is kept open between calls."""

    def driver(self) -> str:
        with _nvml() as nvml:
            return str(nvml.nvmlSystemGetDriverVersion())

    def card(self, identifier: str) -> Card:
        with _nvml() as nvml:
            handle = _handle(nvml, identifier)
            total = int(nvml.nvmlDeviceGetMemoryInfo(handle).total)
            return Card(str(nvml.nvmlDeviceGetUUID(handle)), str(nvml.nvmlDeviceGetName(handle)), total)

    def used_bytes(self, card: Card) -> int:
        with _nvml() as nvml:
            return int(nvml.nvmlDeviceGetMemoryInfo(_handle(nvml, card.uuid)).used)

    def process_bytes(self, card: Card, process_id: int) -> int | None:
        with _nvml() as nvml:
            handle = _handle(nvml, card.uuid)
            # under MPS a client is listed in the second list
            for list_processes in (
                nvml.nvmlDeviceGetComputeRunningProcesses,
                nvml.nvmlDeviceGetMPSComputeRunningProcesses,
            ):
                try:
                    processes = list_processes(handle)
                except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound):
                    continue
                for process in processes:
                    if process.pid == process_id and process.usedGpuMemory is not None:
                        return int(process.usedGpuMemory)
        return None


@contextmanager
def _nvml() -> Iterator[Any]:
    try:
        import pynvml
    except ImportError as error:
        raise NoGpu("The package nvidia-ml-py is not installed: pip install 'realtime-avatar[gpu]'.") from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise NoGpu(f"No NVIDIA driver answers ({error}). {_REMEDY}") from error
    try:
        yield pynvml
    except pynvml.NVMLError as error:
        raise NoGpu(f"The NVIDIA driver answers with an error ({error}). {_REMEDY}") from error
    finally:
        pynvml.nvmlShutdown()


def _handle(nvml: Any, identifier: str) -> Any:
    if identifier.isdigit():
        return nvml.nvmlDeviceGetHandleByIndex(int(identifier))
    for index in range(nvml.nvmlDeviceGetCount()):
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        if str(nvml.nvmlDeviceGetUUID(handle)).startswith(identifier):
            return handle
    raise NoGpu(f"There is no GPU {identifier!r} in this machine. Look at CUDA_VISIBLE_DEVICES and nvidia-smi -L.")
