"""From speech to the shape of the mouth: a small convolutional network over 0.9 s of spectra.

A pure function of a window of samples. It knows nothing of streams: the engine cuts the windows, always on the same
grid of frames, which is what makes a stream's frames independent of how its audio arrived.
"""

from pathlib import Path

import numpy as np
import onnxruntime

from deployments.contracts import SAMPLES_PER_FRAME, Float32
from deployments.errors import BadInput
from deployments.video.portrait.features import HOP_SAMPLES, SPAN_SAMPLES, log_mel
from deployments.video.portrait.pose import MOUTH_CHANNELS

MODELS = Path(__file__).resolve().parent.parent / "models"
_ROW_SAMPLES = 2 * HOP_SAMPLES
_ROWS_AROUND = 44
"""Rows of 20 ms that one output row needs beside itself, look-ahead included."""


class MouthNet:
    """Mouth channels for video frames. Not thread-safe: one instance a thread."""

    HISTORY_SAMPLES = 12_320
    """16 kHz samples before the first frame's start that a window begins with (zeros at the start of a stream)."""
    LOOKAHEAD_SAMPLES = 2_000
    """16 kHz samples after the last frame's end that a window ends with."""

    def __init__(self, threads: int = 1, model: Path = MODELS / "a2m_v3.onnx") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        norm = np.load(MODELS / "a2m_v3_norm.npz")
        self._mean, self._scale = norm["MU"], norm["SD"]

    def channels(self, window: Float32) -> Float32:
        """Channels for n frames, float32 [n, 8] in the order of MOUTH_CHANNELS.

        `window`: float32 [HISTORY_SAMPLES + 640 n + LOOKAHEAD_SAMPLES] in [-1, 1] at 16 kHz, n ≥ 1. Digital silence
        gives zeros exactly. Raises BadInput for any other shape or type, or samples that are not finite.
        """
        frames, rest = divmod(
            len(window) - self.HISTORY_SAMPLES - self.LOOKAHEAD_SAMPLES,
            SAMPLES_PER_FRAME,
        )
        if (
            window.ndim != 1
            or window.dtype != np.float32
            or rest
            or frames < 1
            or not np.isfinite(window).all()
        ):
            raise BadInput(
                "The mouth network needs float32 mono samples: history, whole frames and look-ahead."
            )
        levels = ((log_mel(window) - self._mean) / self._scale).astype(np.float32)
        rows = np.ascontiguousarray(levels.reshape(len(levels) // 2, -1).T)[None]
        shapes = self._session.run(None, {"x": rows})[0][0].T
        result: Float32 = shapes.reshape(frames, 2, len(MOUTH_CHANNELS)).mean(axis=1)
        heard = np.abs(window).max() > 1e-4
        return np.maximum(result, np.float32([0, -1, 0, 0, 0, 0, 0, 0])) * np.float32(
            heard
        )


assert (
    MouthNet.HISTORY_SAMPLES + MouthNet.LOOKAHEAD_SAMPLES
    == _ROWS_AROUND * _ROW_SAMPLES + SPAN_SAMPLES - HOP_SAMPLES
)
