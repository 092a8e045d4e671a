"""Speech to short-time spectra: what the mouth network hears.

25 ms Hann windows every 10 ms. Window `i` covers samples [160 i, 160 i + 400) of what is passed in, so all that a
caller needs to know about time is where its array starts.
"""

import numpy as np

from deployments.contracts import HEARING_RATE_HZ, Float32

HOP_SAMPLES = 160
"""10 ms between spectra."""
SPAN_SAMPLES = 400
"""25 ms of speech in one spectrum."""
TRANSFORM_SAMPLES = 512
BINS = TRANSFORM_SAMPLES // 2 + 1
BANDS = 40
LOWEST_HZ, HIGHEST_HZ = 60.0, 7600.0
POWER_FLOOR = 1e-6
"""Added to each band's power before the logarithm; about -95 dBFS, so digital silence is a constant."""


def _hann() -> Float32:
    return np.hanning(SPAN_SAMPLES).astype(np.float32)


_WINDOW = _hann()


def mel_bands() -> Float32:
    """Triangular filters on the mel scale of O'Shaughnessy (2595 log10(1 + f/700)): float32 [BANDS, BINS]."""
    lowest, highest = (2595.0 * np.log10(1.0 + hertz / 700.0) for hertz in (LOWEST_HZ, HIGHEST_HZ))
    edges = 700.0 * (10.0 ** (np.linspace(lowest, highest, BANDS + 2) / 2595.0) - 1.0)
    bins = np.arange(BINS) * HEARING_RATE_HZ / TRANSFORM_SAMPLES
    rising = (bins[None] - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins[None]) / (edges[2:] - edges[1:-1])[:, None]
    bands: Float32 = np.maximum(0.0, np.minimum(rising, falling)).astype(np.float32)
    return bands


_BANDS = mel_bands()


def power_spectra(samples: Float32) -> Float32:
    """Squared magnitudes, float32 [1 + (n - 400) // 160, BINS] of float32 [n] at 16 kHz; n ≥ 400."""
    spans = np.lib.stride_tricks.sliding_window_view(samples, SPAN_SAMPLES)[::HOP_SAMPLES]
    spectra = np.fft.rfft(spans * _WINDOW, TRANSFORM_SAMPLES, axis=1)
    power: Float32 = np.square(spectra.real) + np.square(spectra.imag)
    return power


def log_mel(samples: Float32) -> Float32:
    """Natural logarithm of the power in each band: float32 [spectra, BANDS]."""
    levels: Float32 = np.log(power_spectra(samples) @ _BANDS.T + np.float32(POWER_FLOOR))
    return levels
