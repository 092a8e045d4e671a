"""How loud the sound is, whether it is clipped, and how far speech stands out of what is behind it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr
from scipy.signal import lfilter

from deployments.contracts import Float32

_RATE_HZ = 48_000
_SHELF = ([1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585])
_HIGH_PASS = ([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621])
"""Numerators and denominators of K-weighting at 48 kHz: ITU-R BS.1770-5, annex 1, tables 1 and 2."""
_BLOCK, _STEP = _RATE_HZ * 4 // 10, _RATE_HZ // 10
_ABSOLUTE_GATE_LUFS, _RELATIVE_GATE_LU = -70.0, -10.0
_TOP_PERCENTILE, _NEAR_TOP = 99.99, 0.85
"""What was cut off at 1 comes out of resampling and a lossy codec anywhere from 0.85 to 1.05: its crowding tells."""
_LEVEL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Loudness:
    """`integrated_lufs`: gated, ITU-R BS.1770-5; -inf for silence. `true_peak_dbtp`: over four times the samples, as
    annex 2 there. `clipped`: share of samples within 15 % of the highest (99.99th percentile), whatever the volume:
    0.0005 in speech as it is, 0.01 where 0.3 % of the samples were cut off, 0.15 where 15 % were.
    `speech_over_noise_db`: 95th percentile of the level of 20 ms pieces over the 5th: about 60 in a studio, 20 in
    noise, at most 80."""

    integrated_lufs: float
    true_peak_dbtp: float
    clipped: float
    speech_over_noise_db: float


def loudness(sound: Float32, rate_hz: int) -> Loudness:
    """Of one channel, float32 [n]. Values beyond ±1 count as they are."""
    if not len(sound):
        return Loudness(-np.inf, -np.inf, 0.0, 0.0)
    return Loudness(
        integrated_lufs=integrated_lufs(sound, rate_hz),
        true_peak_dbtp=_decibels(float(np.abs(soxr.resample(sound, rate_hz, 4 * rate_hz)).max())),
        clipped=_crowding(np.abs(sound)),
        speech_over_noise_db=_speech_over_noise(sound, rate_hz),
    )


def integrated_lufs(sound: Float32, rate_hz: int) -> float:
    """Mean K-weighted loudness of 400 ms blocks, 75 % overlapped: those over -70 LUFS, then those of them over their
    own mean less 10 LU. ITU-R BS.1770-5, annex 1, equations 3 to 7, for one channel."""
    at_48 = np.asarray(sound if rate_hz == _RATE_HZ else soxr.resample(sound, rate_hz, _RATE_HZ), np.float64)
    weighted = lfilter(*_HIGH_PASS, lfilter(*_SHELF, at_48))
    if len(weighted) < _BLOCK:
        weighted = np.pad(weighted, (0, _BLOCK - len(weighted)))
    sums = np.r_[0.0, np.cumsum(weighted**2)]
    starts = np.arange(0, len(weighted) - _BLOCK + 1, _STEP)
    powers = (sums[starts + _BLOCK] - sums[starts]) / _BLOCK
    powers = powers[_lufs(powers) > _ABSOLUTE_GATE_LUFS]
    if not len(powers):
        return -np.inf
    gate = float(_lufs(powers.mean())) + _RELATIVE_GATE_LU
    return float(_lufs(powers[_lufs(powers) > gate].mean()))


def _crowding(sizes: Float32) -> float:
    top = float(np.percentile(sizes, _TOP_PERCENTILE))
    return float(np.mean(sizes >= _NEAR_TOP * top)) if top > 1e-3 else 0.0


def _lufs(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(-0.691 + 10 * np.log10(np.maximum(power, 1e-12)))


def _decibels(amplitude: float) -> float:
    return float(20 * np.log10(max(amplitude, 1e-6)))


def _speech_over_noise(sound: Float32, rate_hz: int) -> float:
    size = max(1, round(_LEVEL_SECONDS * rate_hz))
    if len(sound) < size:
        return 0.0
    pieces = sound[: len(sound) // size * size].reshape(-1, size).astype(np.float64)
    levels = np.sqrt(np.mean(pieces**2, axis=1))
    loud, quiet = np.percentile(levels, (95, 5))
    return _decibels(float(loud)) - _decibels(max(float(quiet), float(loud) * 1e-4))
