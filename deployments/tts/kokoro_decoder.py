"""Kokoro's decoder on OpenVINO, tested against ONNX Runtime's result before it is trusted."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from deployments.contracts import Float32
from deployments.errors import EngineFailed
from deployments.tts.kokoro_parts import CHECK_NAME, check_inputs
from deployments.tts.memory import return_freed_memory
from deployments.tts.settings import KokoroSettings

logger = logging.getLogger("ray.serve")

# Root mean square error relative to the reference's: bf16 gives 0.01 to 0.02, float32 1e-5.
_TOLERANCE = 0.1


class Decoder:
    """`decoder.onnx` of kokoro_graph.py, compiled. Each new length costs a preparation of about 0.1 s."""

    def __init__(self, folder: Path, settings: KokoroSettings) -> None:
        """Raises EngineFailed where OpenVINO does not compute what ONNX Runtime computes."""
        return_freed_memory()
        expected = np.load(folder / CHECK_NAME, allow_pickle=False)
        # IGNORE_CALLBACK fuses the element-wise operations and saves a third of the time. It is an internal
        # option of OpenVINO, and on some graphs it is wrong: used only where the check agrees.
        for extra in ({"SNIPPETS_MODE": "IGNORE_CALLBACK"}, {}):
            try:
                self._request = _compiled(folder / "decoder.onnx", settings, extra)
                difference = _difference(self(check_inputs()), expected)
            except (RuntimeError, EngineFailed) as error:
                logger.warning("OpenVINO refuses the voice model with the options %s: %s", extra, error)
                continue
            if difference < _TOLERANCE:
                return
            logger.warning("OpenVINO computes the voice model wrongly (%.2f) with the options %s.", difference, extra)
        raise EngineFailed("OpenVINO cannot run the voice model here. Set tts.kokoro.runtime to onnxruntime.")

    def __call__(self, inputs: dict[str, Float32]) -> Float32:
        """The spectrum, float32 [1, 22, 120t + 1]. Raises EngineFailed."""
        contiguous = {name: np.ascontiguousarray(value, np.float32) for name, value in inputs.items()}
        try:
            self._request.infer(contiguous)
        except RuntimeError as error:
            raise EngineFailed(f"The voice model failed: {error}") from error
        # A copy: the request writes its next output to the same place.
        spectrum = np.array(self._request.get_output_tensor(0).data, np.float32)
        if spectrum.shape != contiguous["source"].shape:
            raise EngineFailed(f"The voice model answered with the wrong shape: {spectrum.shape}.")
        return spectrum


def _compiled(graph: Path, settings: KokoroSettings, extra: dict[str, str]) -> Any:
    core = openvino.Core()
    precision = settings.precision
    if precision == "auto":
        precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    options: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": settings.threads,
        "NUM_STREAMS": 1,
        # Several stages share the processors: threads tied to one would queue behind each other.
        "ENABLE_CPU_PINNING": False,
    }
    return core.compile_model(core.read_model(str(graph)), "CPU", {**options, **extra}).create_infer_request()


def _difference(found: Float32, expected: Float32) -> float:
    error = np.sqrt(np.mean((found - expected) ** 2)) / np.sqrt(np.mean(expected**2))
    return float(error) if np.isfinite(error) else float("inf")
