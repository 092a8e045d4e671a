"""The card and the software that a measurement was taken with."""

from contextlib import suppress
from typing import Any

import torch

from benchmarks.machine import package_versions

PACKAGES = ("torch", "triton", "tensorrt", "tensorrt-cu13", "tensorrt-rtx-cu13", "onnxruntime-gpu", "nvidia-cudnn-cu13")


def describe_device(device: torch.device) -> dict[str, Any]:
    """Name, memory, capability, driver, clocks, power and temperature now; on a CPU only what torch is."""
    told: dict[str, Any] = {
        "device": str(device),
        "packages": package_versions(PACKAGES),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if torch.backends.cudnn.is_available() else None,
        "tf32": {"matmul": torch.backends.cuda.matmul.allow_tf32, "cudnn": torch.backends.cudnn.allow_tf32},
        "cudnn_benchmark": torch.backends.cudnn.benchmark,
    }
    if device.type != "cuda":
        return told
    properties = torch.cuda.get_device_properties(device)
    told |= {
        "gpu": properties.name,
        "capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "memory_gigabytes": round(properties.total_memory / 1e9, 1),
    }
    return told | _from_nvml(str(properties.uuid))


def _from_nvml(uuid: str) -> dict[str, Any]:
    """What torch does not know. A figure that the driver does not give is left out."""
    import pynvml

    told: dict[str, Any] = {}
    with suppress(pynvml.NVMLError):
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(uuid if uuid.startswith("GPU-") else f"GPU-{uuid}")
        told["driver"] = str(pynvml.nvmlSystemGetDriverVersion())
        for name, read in {
            "clock_megahertz": lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
            "clock_most_megahertz": lambda: pynvml.nvmlDeviceGetMaxClockInfo(handle, pynvml.NVML_CLOCK_SM),
            "memory_clock_megahertz": lambda: pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_MEM),
            "power_watts": lambda: pynvml.nvmlDeviceGetPowerUsage(handle) / 1000,
            "power_limit_watts": lambda: pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000,
            "temperature_celsius": lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU),
        }.items():
            with suppress(pynvml.NVMLError):
                told[name] = read()
    return told
