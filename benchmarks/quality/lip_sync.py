"""Do the lips move with the speech, and when: correlation and lag of the mouth's opening against the sound."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d
from scipy.signal import ShortTimeFFT, get_window

from benchmarks.quality.film import Film
from deployments.contracts import HEARING_RATE_HZ, Float32

Float64 = npt.NDArray[np.float64]
BAND_HZ = (500.0, 2000.0)
"""Where open vowels are strong and closed ones, nasals and hisses weak. Of 15 bands and scales tried on two portraits'
films this one follows the opening best: 0.73 and 0.79, against 0.53 and 0.65 for the loudness of all of the sound."""
ALL_HZ = (50.0, 8000.0)
_WINDOW, _HOP = 512, 160
_SMOOTHING_SECONDS = 0.02
_LAGS_MS = np.arange(-400, 401, 10)
_OPENING_NOISE = 0.004
"""Stray of the measured opening on a mouth that does not move, over the distance of the eyes: the tracker's and the
encoder's. It is added to the mouth's own variance, so that such stray cannot correlate with anything."""
_CHANCE_FROM_SECONDS = 1.0
_HALVES_FROM_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class LipSync:
    """`correlation`: Pearson's, of the opening with the root amplitude of 500 to 2000 Hz, at the lag where it is
    highest; 0 for a still face. `lag_ms`: that lag, positive where the picture is late, negative where it is early.
    `at_zero_lag`: the correlation as the film plays. `by_loudness`: as `correlation`, with the loudness of all of the
    sound. `chance`: the 95th percentile of what other moments of the same speech give (circular shifts of a second and
    more); None for films under 4 s. `drift_ms`: lag in the second half less that in the first; None under 8 s."""

    correlation: float
    lag_ms: float
    at_zero_lag: float
    by_loudness: float
    chance: float | None
    drift_ms: float | None


def envelope(sound: Float32, band_hz: tuple[float, float] = BAND_HZ) -> Float64:
    """Root of the amplitude in a band, every 10 ms from 0 on, smoothed by a Gaussian of 20 ms: float64 [n]. 16 kHz."""
    transform = ShortTimeFFT(get_window("hann", _WINDOW), _HOP, fs=HEARING_RATE_HZ)
    count = -(-len(sound) // _HOP) + 1
    padded = np.pad(np.asarray(sound, np.float64), (0, max(0, count * _HOP + _WINDOW - len(sound))))
    power = np.abs(transform.stft(padded, p0=0, p1=count)) ** 2
    inside = (transform.f >= band_hz[0]) & (transform.f < band_hz[1])
    amplitude = np.sqrt(power[inside].sum(axis=0))
    return np.asarray(gaussian_filter1d(np.sqrt(amplitude), _SMOOTHING_SECONDS * HEARING_RATE_HZ / _HOP))


def lip_sync(opening: Float64, film: Film) -> LipSync:
    """`opening`: float64 [pictures], as `faces.mouth_opening` gives it. A picture stands for the sound during which it
    is shown, so it is compared with the middle of its time."""
    heard = film.heard()
    times = film.frame_times + 0.5 * float(np.median(film.video.lengths))
    speech = envelope(heard)
    curve = _curve(opening, times, speech)
    correlation, lag = _peak(curve)
    loud, _ = _peak(_curve(opening, times, envelope(heard, ALL_HZ)))
    drift = None
    if times[-1] - times[0] >= _HALVES_FROM_SECONDS:
        half = len(times) // 2
        early, late = (_peak(_curve(opening[part], times[part], speech)) for part in (slice(half), slice(half, None)))
        drift = late[1] - early[1]
    at_zero = float(curve[len(curve) // 2])
    return LipSync(correlation, lag, at_zero, loud, _chance(opening, times, speech, film.seconds), drift)


def _curve(opening: Float64, times: Float64, speech: Float64) -> Float64:
    """Correlation by lag, [len(_LAGS_MS)]."""
    rows = np.arange(len(speech)) * _HOP / HEARING_RATE_HZ
    return np.array([_correlation(opening, np.interp(times - lag / 1000, rows, speech)) for lag in _LAGS_MS])


def _correlation(opening: Float64, speech: Float64) -> float:
    first, second = opening - opening.mean(), speech - speech.mean()
    spread = np.sqrt((np.mean(first**2) + _OPENING_NOISE**2) * np.mean(second**2))
    return float(np.mean(first * second) / spread) if spread > 1e-12 else 0.0


def _peak(curve: Float64) -> tuple[float, float]:
    """The highest value and its lag in ms, between the lags by a parabola through three."""
    top = int(np.argmax(curve))
    if not 0 < top < len(curve) - 1:
        return float(curve[top]), float(_LAGS_MS[top])
    before, here, after = curve[top - 1 : top + 2]
    bend = before - 2 * here + after
    step = 0.5 * (before - after) / bend if bend < -1e-12 else 0.0
    return float(here - 0.25 * (before - after) * step), float(_LAGS_MS[top] + step * (_LAGS_MS[1] - _LAGS_MS[0]))


def _chance(opening: Float64, times: Float64, speech: Float64, seconds: float) -> float | None:
    if seconds < 4 * _CHANCE_FROM_SECONDS:
        return None
    rows = np.arange(len(speech)) * _HOP / HEARING_RATE_HZ
    there = np.interp(times, rows, speech)
    first = int(np.searchsorted(times - times[0], _CHANCE_FROM_SECONDS))
    shifted = [_correlation(opening, np.roll(there, by)) for by in range(first, len(times) - first)]
    return float(np.percentile(shifted, 95))
