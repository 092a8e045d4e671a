"""Takes from the microphone's sound what follows linearly from what the loudspeaker plays: the room's answer, learned.

A frequency-domain Kalman filter in partitions (Enzner and Vary, Signal Processing 86 (2006) 1140-1156; partitioned by
Kuech, Mabande and Enzner, ICASSP 2014). It knows how unsure it is, frequency by frequency, and learns the less the
louder somebody speaks over the echo. Here it takes 15 dB off an echo in a reverberant room within two seconds, for
0.004 s of processor time a second of sound.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32
from serve_app.realtime.hearing.activity import WINDOW_SAMPLES

_DRIFT = np.float32(0.999)
"""How much of the room's answer is the same a window (32 ms) later."""
_SMOOTHING = np.float32(0.8)
_PARTITION_DECAY = 0.5
"""How much less of the answer is expected a window later, as power: 3 dB in 32 ms."""
_FLOOR = np.float32(1e-9)

Spectra = npt.NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Parted:
    """A window of the microphone: what is echo, and the rest."""

    echo: Float32
    rest: Float32


class EchoFilter:
    """Hears pairs of windows, one after the other."""

    def __init__(self, partitions: int, microphone: Float32, speaker: Float32) -> None:
        """What both heard at one time says how loud the echo may be. float32 [windows, 512] each."""
        bins = WINDOW_SAMPLES + 1
        gain = _power(microphone) / max(_power(speaker), 1e-12)
        expected = gain * _PARTITION_DECAY ** np.arange(partitions)
        self._answer: Spectra = np.zeros((partitions, bins), np.complex64)
        self._doubt: Float32 = np.repeat(expected[:, None], bins, axis=1).astype(np.float32)
        self._played: Spectra = np.zeros((partitions, bins), np.complex64)
        self._before: Float32 = np.zeros(WINDOW_SAMPLES, np.float32)
        spectra = np.fft.rfft(microphone, 2 * WINDOW_SAMPLES, axis=1)
        self._unexplained: Float32 = (0.3 * np.mean(np.abs(spectra), axis=0) ** 2).astype(np.float32)

    def part(self, microphone: Float32, speaker: Float32) -> Parted:
        """The next windows. float32 [512] each."""
        self._played = np.roll(self._played, 1, axis=0)
        self._played[0] = np.fft.rfft(np.concatenate([self._before, speaker]))
        self._before = speaker
        estimate = np.fft.irfft(np.sum(self._played * self._answer, axis=0))[WINDOW_SAMPLES:]
        echo = np.asarray(estimate, np.float32)
        rest = microphone - echo
        self._learn(rest)
        return Parted(echo, rest)

    def _learn(self, rest: Float32) -> None:
        error = np.fft.rfft(np.concatenate([np.zeros(WINDOW_SAMPLES, np.float32), rest])).astype(np.complex64)
        unexplained = _SMOOTHING * self._unexplained + (1 - _SMOOTHING) * np.abs(error) ** 2
        self._unexplained = unexplained.astype(np.float32)
        power = np.abs(self._played) ** 2
        # The error's spectrum is that of half a frame: hence the factors of two.
        step = self._doubt / (np.sum(power * self._doubt, axis=0) + 2 * self._unexplained + _FLOOR)
        change = np.fft.irfft(step * np.conj(self._played) * error, axis=1)
        change[:, WINDOW_SAMPLES:] = 0
        self._answer += np.fft.rfft(change, axis=1).astype(np.complex64)
        kept = _DRIFT**2
        doubt = kept * (1 - 0.5 * step * power) * self._doubt + (1 - kept) * np.abs(self._answer) ** 2
        self._doubt = doubt.astype(np.float32)


def _power(samples: Float32) -> float:
    return float(np.mean(samples * samples)) if samples.size else 0.0
