"""The arithmetic between the parts of Kokoro's graph: frames, the harmonic source, and audio from a spectrum.

The formulas are those of the published graph (iSTFTNet with a harmonic-plus-noise source, Kaneko et al. 2022,
Wang et al. 2019), with the noise term that its export dropped.
"""

import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32

RATE_HZ = 24_000
FRAME_SAMPLES = 600
"""One frame of letters. Pitch and energy come twice a frame, the spectrum 120 times."""

_PITCH_SAMPLES = 300
# The one linear layer between the nine sines and the source, from the graph; the last step is a tanh.
_MIX = np.array(
    [-0.08154187, -0.18519667, -0.18263398, -0.17837206, -0.09873895, 0.08264039, 0.08743999, -0.39068547, -0.54774433]
)
_MIX_BIAS = -0.02945026
_AMPLITUDE = np.float32(0.1)
_VOICED_HZ = 10.0
# The model was trained with Gaussian noise on each sine, σ = 0.003 where voiced and a third of the amplitude where
# not; the published graph leaves it out. Mixed down, nine of them are one of this σ. The seed makes speech repeatable.
_VOICED_NOISE = 0.003 * float(np.linalg.norm(_MIX))
_UNVOICED_NOISE = 0.1 / 3 * float(np.linalg.norm(_MIX))
_NOISE_SEED = 20240127

_WINDOW_SAMPLES = 20
_HOP_SAMPLES = 5
_BINS = _WINDOW_SAMPLES // 2 + 1
_WINDOW = np.hanning(_WINDOW_SAMPLES + 1)[:-1]
_ANGLES = 2 * np.pi * np.outer(np.arange(_WINDOW_SAMPLES), np.arange(_BINS)) / _WINDOW_SAMPLES
_COSINES = (np.cos(_ANGLES) * _WINDOW[:, None]).astype(np.float32)
_SINES = (-np.sin(_ANGLES) * _WINDOW[:, None]).astype(np.float32)
# Inverse real DFT with the window applied: the two outer bins count once, the others twice.
_TWICE = np.where((np.arange(_BINS) % (_BINS - 1)) == 0, 1.0, 2.0)[:, None] / _WINDOW_SAMPLES
_BACK = np.vstack([np.cos(_ANGLES.T) * _TWICE, -np.sin(_ANGLES.T) * _TWICE]).astype(np.float32)
_BACK = (_BACK * _WINDOW).astype(np.float32)


def by_frames(values: Float32, durations: npt.NDArray[np.int64]) -> Float32:
    """Repeats what belongs to a token for the frames it lasts: [1, c, n] to [1, c, sum of durations]."""
    return np.repeat(values, durations, axis=2)


def harmonic_source(pitch: Float32) -> Float32:
    """The excitation as a spectrum. `pitch`: Hz, [1, 2t]; result [1, 22, 120t + 1]: 11 magnitudes, 11 phases."""
    hertz = pitch[0].astype(np.float64)
    # Turns of the fundamental at the middle of each pitch value, linear between the middles, held at the ends.
    middles = np.cumsum(hertz / RATE_HZ) * _PITCH_SAMPLES
    place = (np.arange(len(hertz) * _PITCH_SAMPLES) + 0.5) / _PITCH_SAMPLES - 0.5
    turns = np.interp(place, np.arange(len(hertz)), middles)
    # Whole turns are dropped before the sine: float32 is exact enough for the rest.
    angle = (2 * np.pi * (turns - np.floor(turns))).astype(np.float32)
    voiced = np.repeat(hertz > _VOICED_HZ, _PITCH_SAMPLES)
    noise = np.random.Generator(np.random.Philox(_NOISE_SEED)).standard_normal(len(angle), dtype=np.float32)
    mixed = np.where(voiced, _AMPLITUDE * _harmonics(angle), np.float32(0)) + np.float32(_MIX_BIAS)
    mixed += noise * np.where(voiced, np.float32(_VOICED_NOISE), np.float32(_UNVOICED_NOISE))
    return _spectrum(np.tanh(mixed))


def _harmonics(angle: Float32) -> Float32:
    """Sum of mix[k] sin((k+1) angle), by Clenshaw's recurrence."""
    twice = 2 * np.cos(angle)
    ahead, further = np.zeros_like(angle), np.zeros_like(angle)
    for weight in _MIX[::-1]:
        ahead, further = np.float32(weight) + twice * ahead - further, ahead
    return np.asarray(ahead * np.sin(angle), np.float32)


def _spectrum(wave: Float32) -> Float32:
    half = _WINDOW_SAMPLES // 2
    padded = np.pad(wave, half, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW_SAMPLES)[::_HOP_SAMPLES]
    real, imaginary = frames @ _COSINES, frames @ _SINES
    magnitude, phase = np.hypot(real, imaginary), np.arctan2(imaginary, real)
    return np.ascontiguousarray(np.concatenate([magnitude, phase], axis=1).T[None], np.float32)


def audio(spectrum: Float32) -> Float32:
    """Sound at 24 kHz from the graph's [1, 22, 120t + 1]: log magnitudes and, through a sine, phases."""
    magnitude, phase = np.exp(spectrum[0, :_BINS].T), np.sin(spectrum[0, _BINS:].T)
    pieces = np.concatenate([magnitude * np.cos(phase), magnitude * np.sin(phase)], axis=1) @ _BACK
    count = len(pieces)
    overlap = _WINDOW_SAMPLES // _HOP_SAMPLES
    total = np.zeros((count + overlap - 1, _HOP_SAMPLES), np.float32)
    weight = np.zeros_like(total)
    window = (_WINDOW**2).astype(np.float32).reshape(overlap, _HOP_SAMPLES)
    parts = pieces.reshape(count, overlap, _HOP_SAMPLES)
    for place in range(overlap):
        total[place : place + count] += parts[:, place]
        weight[place : place + count] += window[place]
    half = _WINDOW_SAMPLES // 2
    flat, weights = total.reshape(-1)[half:-half], weight.reshape(-1)[half:-half]
    return np.asarray(flat / np.maximum(weights, np.float32(1e-8)), np.float32)
