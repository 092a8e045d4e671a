"""What a voice sounds like on average: pitch and the shape of its spectrum, measured, and a filter to change it."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import firwin2

from deployments.contracts import HEARING_RATE_HZ, Float32
from deployments.tts.harmonics import RATE_HZ
from deployments.tts.mel import band_edges, filters, power_spectra

BANDS = 32
_LOWEST_HZ, _HIGHEST_HZ = 80.0, 7600.0
_SIZE, _HOP = 1024, 160
_FLOOR_DB = -55.0
_MOST_DB = 10.0
_TAPS = 511

_FRAME = 640
_LOWEST_PITCH_HZ, _HIGHEST_PITCH_HZ = 65.0, 400.0
_PERIODIC = 0.55
_OCTAVE = 0.88


@dataclass(frozen=True, eq=False)
class Timbre:
    """`pitch_mean`, `pitch_spread`: of log Hz. `bands`: float32 [32], mean level in dB, zero on average."""

    pitch_mean: float
    pitch_spread: float
    bands: Float32


def measure(speech: Float32) -> Timbre | None:
    """Of 16 kHz speech; None where too little of it is voiced to tell its pitch."""
    pitch = pitch_track(speech)
    logarithms = np.log(pitch[pitch > 0])
    if len(logarithms) < 40:
        return None
    # Median and quartiles: octave errors are outliers. 1.349 quartile ranges are one σ of a normal distribution.
    low, middle, high = np.percentile(logarithms, (25, 50, 75))
    return Timbre(float(middle), float(np.clip((high - low) / 1.349, 0.04, 0.5)), _bands(speech))


def _bands(speech: Float32) -> Float32:
    spectra = power_spectra(speech, np.hanning(_SIZE), _SIZE, _HOP)
    loud = spectra.sum(axis=1)
    spectra = spectra[loud > np.percentile(loud, 40)]
    levels = 10 * np.log10(filters(BANDS, _SIZE, HEARING_RATE_HZ, _LOWEST_HZ, _HIGHEST_HZ) @ spectra.mean(0) + 1e-12)
    levels = np.maximum(levels, levels.max() + _FLOOR_DB)
    return np.asarray(levels - levels.mean(), np.float32)


def pitch_track(speech: Float32) -> Float32:
    """Hz every 10 ms of 16 kHz speech, 0 where it is not voiced: the peak of the normalized autocorrelation."""
    if len(speech) < _FRAME:
        return np.zeros(0, np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(speech, _FRAME)[::_HOP]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * np.hanning(_FRAME).astype(np.float32)
    size = 2 * _FRAME
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, size, axis=1)) ** 2, axis=1)
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(_FRAME), size)) ** 2)
    shortest, longest = int(HEARING_RATE_HZ / _HIGHEST_PITCH_HZ), int(HEARING_RATE_HZ / _LOWEST_PITCH_HZ)
    energy = correlation[:, :1]
    # The window's own correlation is divided out, or long periods would look weak (Boersma 1993).
    normal = correlation[:, : longest + 2] / np.maximum(energy, 1e-9) / (window[: longest + 2] / window[0])
    search = normal[:, shortest : longest + 1]
    best = search.max(axis=1)
    # The shortest period that is nearly as good: multiples of the true one fit as well.
    inside = (search >= normal[:, shortest - 1 : longest]) & (search >= normal[:, shortest + 1 : longest + 2])
    period = shortest + np.argmax(inside & (search >= _OCTAVE * best[:, None]), axis=1)
    voiced = (best > _PERIODIC) & (energy[:, 0] > 0.02 * np.percentile(energy, 90))
    return np.where(voiced, HEARING_RATE_HZ / period, 0).astype(np.float32)


def colouring(change_db: Float32) -> Float32:
    """A linear-phase filter for 24 kHz, float32 [511], that changes the bands' levels so: dB, [32].

    Smoothed over neighbouring bands and bounded to ±10 dB. Loudness as a whole stays about the same.
    """
    smooth = np.convolve(np.pad(change_db, 2, mode="edge"), [0.1, 0.2, 0.4, 0.2, 0.1], mode="valid")
    smooth = np.clip(smooth, -_MOST_DB, _MOST_DB)
    centres = band_edges(BANDS, _LOWEST_HZ, _HIGHEST_HZ)[1:-1]
    # Beyond what was measured the last value runs out to nothing, so that no noise is raised.
    places = np.concatenate([[0, 40], centres, [9000, RATE_HZ / 2]]) / (RATE_HZ / 2)
    levels = np.concatenate([[smooth[0], smooth[0]], smooth, [smooth[-1] / 2, 0]])
    return np.asarray(firwin2(_TAPS, places, 10 ** (levels / 20)), np.float32)
