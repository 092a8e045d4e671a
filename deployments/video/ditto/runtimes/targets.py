"""What engines are for, as far as the settings and the machine decide it."""

import torch

from deployments.gpu.nvml import Cards
from deployments.video.ditto.runtimes.engine_key import EngineKey, code_digest
from deployments.video.ditto.runtimes.export import OPSET
from deployments.video.ditto.runtimes.settings import RuntimeSettings
from deployments.video.ditto.runtimes.tensorrt_library import load, require_driver


def device_of(settings: RuntimeSettings) -> torch.device:
    """The device that the settings name."""
    return torch.device("cpu") if settings.device == "cpu" else torch.device("cuda", settings.device_index)


def key_of(weights: str, settings: RuntimeSettings, cards: Cards, ahead_of_time: str | None = None) -> EngineKey:
    """The key of the engines that these settings need, for networks with this weights_digest.

    `ahead_of_time`: a compute capability, as sm_89, to build for with TensorRT-RTX; nothing is asked of a card then.
    Raises EngineUnusable where TensorRT is absent, NoGpu and DriverTooOld where there is no card to use it on.
    """
    card, capability, library, version = "any", "any", "onnxruntime", f"opset-{OPSET}"
    if settings.runtime == "tensorrt":
        if ahead_of_time is None:
            require_driver(cards)
        library, version = settings.tensorrt_library, load(settings.tensorrt_library).__version__
        capability = ahead_of_time or "sm_{}{}".format(*torch.cuda.get_device_capability(settings.device_index))
        if library == "tensorrt":
            card = torch.cuda.get_device_name(settings.device_index)
    return EngineKey(
        card=card,
        capability=capability,
        library=library,
        version=version,
        precision=settings.precision,
        max_batch_frames=settings.max_batch_frames,
        weights=weights,
        code=code_digest(),
    )
