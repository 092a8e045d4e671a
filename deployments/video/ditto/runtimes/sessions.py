"""ONNX Runtime sessions on the device that the settings name, or an error: never quietly on another one."""

import logging
from pathlib import Path
from typing import Any

import onnxruntime

from deployments.errors import EngineUnusable
from deployments.video.ditto.runtimes.settings import RuntimeSettings

logger = logging.getLogger("ray.serve")

_MEBIBYTE = 1 << 20


def open_session(graph: Path | bytes, settings: RuntimeSettings, remedy: str) -> onnxruntime.InferenceSession:
    """A session of a graph, given as a file or as its bytes.

    Raises EngineUnusable with `remedy` where the graph is absent, corrupt or has operators that ONNX Runtime lacks,
    and where the settings want a GPU and this ONNX Runtime has none.
    """
    if settings.device == "cuda" and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise EngineUnusable(
            "The installed ONNX Runtime has no CUDA, and Ditto's HuBERT runs on it, whatever runs the rest. Put its "
            "build for CUDA over it: pip install --constraint constraints.txt --force-reinstall --no-deps "
            "onnxruntime-gpu. Or set video.ditto.runtime.device to cpu."
        )
    name = str(graph) if isinstance(graph, Path) else "the graph"
    if isinstance(graph, Path) and not graph.is_file():
        raise EngineUnusable(f"{graph} does not exist. {remedy}")
    try:
        session = onnxruntime.InferenceSession(
            str(graph) if isinstance(graph, Path) else graph, session_options(settings), providers=providers(settings)
        )
    except Exception as error:  # ONNX Runtime's own errors have no common base but Exception
        raise EngineUnusable(f"ONNX Runtime cannot load {name}: {error}. {remedy}") from error
    if settings.device == "cuda" and session.get_providers()[0] != "CUDAExecutionProvider":
        raise EngineUnusable(
            f"ONNX Runtime would run {name} on the CPU: its CUDA libraries do not load. Install those of its version "
            "(its log names the one that is missing)."
        )
    return session


def session_options(settings: RuntimeSettings) -> onnxruntime.SessionOptions:
    """No more threads than the settings say, and none that spins."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = settings.threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def providers(settings: RuntimeSettings) -> list[str | tuple[str, dict[str, Any]]]:
    """The one provider of the device. On CUDA: float32 stays float32 (no TF32), memory grows by what is asked for."""
    if settings.device == "cpu":
        return ["CPUExecutionProvider"]
    cuda: dict[str, Any] = {
        "device_id": settings.device_index,
        "use_tf32": "0",
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "HEURISTIC",
        "prefer_nhwc": "1" if settings.channels_last else "0",
    }
    if settings.onnx_memory_mb is not None:
        cuda["gpu_mem_limit"] = str(settings.onnx_memory_mb * _MEBIBYTE)
    return [("CUDAExecutionProvider", cuda)]
