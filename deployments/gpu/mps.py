"""NVIDIA's Multi-Process Service: kernels of several replicas side by side on one card, with a wall around memory.

Everything here is told to CUDA through the environment, so it has to happen before CUDA is initialised in the process.
"""

import os
from pathlib import Path

from deployments.gpu.errors import MpsMissing
from deployments.gpu.settings import GpuSettings

_FOLDER = "CUDA_MPS_PIPE_DIRECTORY"
_LIMIT = "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"
_USUAL_FOLDER = "/tmp/nvidia-mps"
_NOWHERE = "/nonexistent/mps-is-off"


def daemon_runs() -> bool:
    """Whether the control daemon has its pipe where this process would look for it."""
    return (Path(os.environ.get(_FOLDER, _USUAL_FOLDER)) / "control").exists()


def prepare(settings: GpuSettings) -> bool:
    """Makes this process a client of MPS, limited to its budget, or keeps it from being one. True: it will be one.

    The limit is the driver's own and holds for every library. Raises MpsMissing where MPS is required and not there.
    """
    if settings.mps == "off":
        os.environ[_FOLDER] = _NOWHERE  # CUDA goes on without MPS where it finds no daemon
        return False
    if not daemon_runs():
        if settings.mps == "require":
            raise MpsMissing(
                "gpu.mps is 'require', and no MPS daemon runs on this machine. Start it with "
                "nvidia-cuda-mps-control -d, or set gpu.mps to 'auto' or 'off'."
            )
        return False
    if settings.vram_gigabytes is not None:
        os.environ.setdefault(_LIMIT, f"0={int(settings.vram_gigabytes * 1e9 / 2**20)}M")
    return True
