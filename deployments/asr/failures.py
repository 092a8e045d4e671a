"""What CTranslate2 says when it cannot go on, with what to do about it."""

from deployments.asr.settings import AsrSettings
from deployments.errors import EngineFailed

_CPU = "or set asr.device to cpu and asr.compute_type to int8"
# Words of the library's message, and the remedy. The first that fits is taken.
_REMEDIES = (
    (("libcublas", "libcudnn"), f"Install cuBLAS for CUDA 12 (pip install nvidia-cublas-cu12), {_CPU}."),
    (("out of memory",), "Lower asr.batching.max_windows, give ASR more of the card, or put fewer replicas on it."),
    (("invalid device",), "Give the ASR deployment num_gpus in its ray_actor_options, or correct asr.device_index."),
    (("driver version", "no cuda-capable device", "cuda failed", "cuda support"), f"Install NVIDIA's driver, {_CPU}."),
    (("compute type",), "Choose another asr.compute_type: int8 on a CPU, int8_float16 or float16 on a GPU."),
    (("unable to open", "unsupported model", "model.bin"), "Fetch the weights anew: avatar models pull {weights}."),
)


def failure(error: Exception, settings: AsrSettings) -> EngineFailed:
    """The library's error as one of ours, with the remedy."""
    said = str(error)
    remedy = next((text for words, text in _REMEDIES if any(word in said.lower() for word in words)), "")
    advice = remedy.format(weights=settings.weights) or "Try again; see the log."
    return EngineFailed(f"Speech recognition failed inside its library on {settings.device} ({said}). {advice}")
