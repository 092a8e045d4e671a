"""HuBERT from its published ONNX: sound to features (spec 1.8). The graph is authoritative: there is no other form."""

from pathlib import Path

import numpy as np
import onnxruntime

from deployments.contracts import Float32
from deployments.errors import BadInput, EngineUnusable
from deployments.video.ditto.runtimes.sessions import open_session
from deployments.video.ditto.runtimes.settings import RuntimeSettings
from deployments.video.ditto.sizes import FEATURE_DIMS

WINDOW_SAMPLES = 6_480
"""The window the published pipeline gives it."""
WINDOW_FEATURES = 20
"""At 50 a second: (6480 - 80) / 320."""
_INPUT, _OUTPUT = "input_values", "encoding_out"
_REMEDY = "Fetch the set of weights that has hubert.onnx anew: avatar models pull."


class OnnxHearer:
    """Implements types.Hearer. The published graph has a batch of one: windows go through it one by one, so that each
    is what it would be alone. A graph that leaves its batch open is used in the same way for the same reason."""

    def __init__(self, path: Path, settings: RuntimeSettings) -> None:
        """Raises EngineUnusable where the file is no such graph, naming the remedy."""
        self._session = open_session(path, settings, _REMEDY)
        _require_shapes(self._session, path)
        trial = self._one(np.zeros((1, WINDOW_SAMPLES), np.float32))
        if trial.shape != (WINDOW_FEATURES, FEATURE_DIMS):
            raise EngineUnusable(
                f"{path} makes {trial.shape} of a window of {WINDOW_SAMPLES} samples, not "
                f"{(WINDOW_FEATURES, FEATURE_DIMS)}: it is not Ditto's HuBERT. {_REMEDY}"
            )

    def features(self, windows: Float32) -> Float32:
        """float32 [b, 20, 1024] of float32 [b, 6480] at 16 kHz in -1..1. Raises BadInput for any other shape."""
        if windows.ndim != 2 or windows.shape[1] != WINDOW_SAMPLES:
            raise BadInput(f"HuBERT hears windows of [b, {WINDOW_SAMPLES}] samples, not {list(windows.shape)}.")
        made = np.empty((len(windows), WINDOW_FEATURES, FEATURE_DIMS), np.float32)
        for index, window in enumerate(windows.astype(np.float32, copy=False)):
            made[index] = self._one(window[None])
        return made

    def _one(self, window: Float32) -> Float32:
        found: Float32 = self._session.run([_OUTPUT], {_INPUT: window})[0]
        return found.reshape(-1, found.shape[-1])


def _require_shapes(session: onnxruntime.InferenceSession, path: Path) -> None:
    """Names, types and ranks, which say more of a wrong file than what would fail later. Raises EngineUnusable."""
    inputs = {value.name: value for value in session.get_inputs()}
    outputs = {value.name: value for value in session.get_outputs()}
    heard, made = inputs.get(_INPUT), outputs.get(_OUTPUT)
    if len(inputs) != 1 or heard is None or made is None:
        raise EngineUnusable(
            f"{path} has inputs {sorted(inputs)} and outputs {sorted(outputs)}, not {_INPUT} and {_OUTPUT}: it is not "
            f"Ditto's HuBERT. {_REMEDY}"
        )
    if heard.type != "tensor(float)" or made.type != "tensor(float)" or len(heard.shape) != 2:
        raise EngineUnusable(
            f"{path} takes {heard.type} {heard.shape} and makes {made.type}: it is not Ditto's HuBERT. {_REMEDY}"
        )
    length = heard.shape[1]
    if isinstance(length, int) and length != WINDOW_SAMPLES:
        raise EngineUnusable(f"{path} takes {length} samples at a time, not {WINDOW_SAMPLES}. {_REMEDY}")
