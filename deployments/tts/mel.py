"""Mel filters on Slaney's scale: linear to 1 kHz, logarithmic above, each filter of unit area (Auditory Toolbox)."""

import numpy as np

from deployments.contracts import Float32

_LINEAR_HZ = 200.0 / 3
_BREAK_HZ = 1000.0
_LOG_STEP = np.log(6.4) / 27


def _hertz(mels: np.ndarray) -> np.ndarray:
    start = _BREAK_HZ / _LINEAR_HZ
    return np.asarray(np.where(mels < start, mels * _LINEAR_HZ, _BREAK_HZ * np.exp(_LOG_STEP * (mels - start))))


def _mels(hertz: float) -> float:
    if hertz < _BREAK_HZ:
        return hertz / _LINEAR_HZ
    return float(_BREAK_HZ / _LINEAR_HZ + np.log(hertz / _BREAK_HZ) / _LOG_STEP)


def band_edges(bands: int, lowest_hz: float, highest_hz: float) -> np.ndarray:
    """Hz, [bands + 2]: filter k rises from edge k to k + 1 and falls to k + 2."""
    return _hertz(np.linspace(_mels(lowest_hz), _mels(highest_hz), bands + 2))


def filters(bands: int, size: int, rate_hz: int, lowest_hz: float = 0.0, highest_hz: float | None = None) -> Float32:
    """float32 [bands, size // 2 + 1] for power spectra of `size` samples."""
    edges = band_edges(bands, lowest_hz, highest_hz or rate_hz / 2)
    bins = np.linspace(0, rate_hz / 2, size // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, None], np.float32)


def power_spectra(sound: Float32, window: np.ndarray, size: int, hop: int) -> Float32:
    """float32 [frames, size // 2 + 1]. The window, shorter than `size`, sits in the middle of each frame."""
    if len(sound) < size:
        sound = np.pad(sound, (0, size - len(sound)))
    before = (size - len(window)) // 2
    padded = np.pad(window, (before, size - len(window) - before)).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop]
    return np.asarray(np.abs(np.fft.rfft(frames * padded, axis=1)) ** 2, np.float32)
