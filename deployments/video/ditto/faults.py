"""What went wrong in a step, as a typed error that says what to do."""

import logging

import torch

from deployments.errors import AvatarError, EngineFailed
from deployments.video.failures import DeviceFailed

_MEMORY_WORDS = ("out of memory", "failed to allocate memory", "cuda_error_out_of_memory", "cudaerrormemoryallocation")
"""What torch, ONNX Runtime and TensorRT say when a card is full."""
_DEVICE_WORDS = ("cuda error", "device-side assert", "cudnn_status", "cublas_status")
"""What they say when it is gone: after these nothing runs on it in this process."""

_log = logging.getLogger("ray.serve")


def typed(error: Exception) -> AvatarError:
    """The error as a caller may see it. Failures of the device are DeviceFailed; what is not known is logged."""
    if isinstance(error, AvatarError):
        return error
    text = str(error).lower()
    if isinstance(error, torch.cuda.OutOfMemoryError) or any(words in text for words in _MEMORY_WORDS):
        _log.error("The Ditto engine ran out of memory: %s", error)
        _let_go()
        return DeviceFailed(
            "The card ran out of memory in a step, so this replica is replaced. If it happens again, lower "
            "video.ditto.runtime.max_batch_frames or video.ditto.avatars_kept, let fewer replicas on the card, or "
            "raise this one's video.gpu.vram_gigabytes."
        )
    if any(words in text for words in _DEVICE_WORDS):
        _log.error("The card failed in a step of the Ditto engine", exc_info=error)
        return DeviceFailed(
            "The card failed in a step, so this replica is replaced. If it happens again, look for Xid errors in "
            "dmesg and at the card's temperature in nvidia-smi."
        )
    _log.error("The Ditto engine failed on a step", exc_info=error)
    return EngineFailed("The Ditto engine failed on this step. Try again.")


def _let_go() -> None:
    """What torch keeps for later goes back to the card: others there may want it, and the next step."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
