"""Samples of somebody's speech: whether one will do, and what is wrong with it if not."""

from typing import Protocol

import numpy as np
import soxr

from deployments.contracts import HEARING_RATE_HZ, Float32, Pcm
from deployments.errors import BadInput
from deployments.tts.speaker_encoder import audible

_SILENT = 0.003
_FULL_SCALE = 0.999


class SampleLimits(Protocol):
    """What is asked of a sample."""

    @property
    def min_speech_seconds(self) -> float: ...

    @property
    def max_clipped_fraction(self) -> float: ...


def spoken(sample: Pcm, limits: SampleLimits) -> Float32:
    """The speech of a usable sample at 16 kHz, without its silences. Raises BadInput with the reason and a remedy."""
    samples = sample.samples
    if samples.ndim != 1 or not 8000 <= sample.rate_hz <= 192_000:
        raise BadInput("The sample has to be one channel of sound at 8 to 192 kHz.")
    if not np.isfinite(samples).all():
        raise BadInput("The sample holds values that are no numbers. Export it again as WAV.")
    needed = f"At least {limits.min_speech_seconds:g} seconds of clear speech are needed, better 10 to 20."
    if not len(samples) or np.sqrt(np.mean(samples**2)) < _SILENT:
        raise BadInput(f"The sample is silent. {needed}")
    if np.mean(np.abs(samples) >= _FULL_SCALE) > limits.max_clipped_fraction:
        raise BadInput("The sample is clipped: it was recorded too loud. Record it again at half the level.")
    speech = audible(np.asarray(soxr.resample(samples, sample.rate_hz, HEARING_RATE_HZ), np.float32))
    seconds = len(speech) / HEARING_RATE_HZ
    if seconds < limits.min_speech_seconds:
        raise BadInput(f"The sample has only {seconds:.1f} seconds of speech. {needed}")
    return speech
