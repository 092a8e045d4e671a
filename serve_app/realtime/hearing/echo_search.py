"""Where in what the avatar said the microphone's sound lies, if it is an echo of it at all.

The normalised cross-correlation of both, whitened: each frequency is divided by the power around it, so that what
counts is the fine structure of the sound and not that all voices have the same bass. Measured with 0.4 s of sound:
echoes in a room with reverberation and noise 0.30 and more (19 of 20; the least 0.20), other people's speech 0.15 and
less (19 of 20; the most 0.30). Takes 3 ms.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from deployments.contracts import HEARING_RATE_HZ, Float32

_SEARCH_RATE_HZ = 8_000
_AROUND_HZ = 80.0


@dataclass(frozen=True, slots=True)
class Found:
    """The sound starts `position` samples (16 kHz) into what was searched; `likeness`: correlation, 0 to 1."""

    position: int
    likeness: float


def search(sound: Float32, within: Float32) -> Found:
    """Where `sound` lies `within` something longer. float32 at 16 kHz."""
    short, long = _lower(sound), _lower(within)
    places = len(long) - len(short)
    if places <= 0 or not short.any() or not long.any():
        return Found(0, 0.0)
    size = 1 << (len(long) + len(short) - 1).bit_length()
    one, other = _white(short, size), _white(long, size)
    match = np.abs(np.fft.irfft(np.conj(one) * other, size)[:places])
    energy = np.cumsum(np.concatenate([[0.0], np.fft.irfft(other, size)[: len(long)] ** 2]))
    energies = energy[len(short) : len(short) + places] - energy[:places]
    # Where it is nearly silent anything correlates.
    scale = np.sqrt(np.maximum(energies, 0.02 * energies.max()) * np.sum(np.fft.irfft(one, size) ** 2))
    likeness = match / np.maximum(scale, 1e-12)
    best = int(np.argmax(likeness))
    return Found(best * HEARING_RATE_HZ // _SEARCH_RATE_HZ, float(likeness[best]))


def _lower(samples: Float32) -> Float32:
    lower = soxr.resample(samples, HEARING_RATE_HZ, _SEARCH_RATE_HZ, quality="MQ")
    return np.asarray(lower, np.float32)


def _white(samples: Float32, size: int) -> npt.NDArray[np.complexfloating]:
    spectrum = np.fft.rfft(samples, size)
    width = max(1, round(_AROUND_HZ * size / _SEARCH_RATE_HZ))
    total = np.cumsum(np.concatenate([[0.0], np.abs(spectrum) ** 2]))
    lower = np.clip(np.arange(len(spectrum)) - width // 2, 0, None)
    upper = np.clip(lower + width, None, len(spectrum))
    around = (total[upper] - total[lower]) / (upper - lower)
    return np.asarray(spectrum / np.sqrt(around + 1e-9 * around.max() + 1e-12))
