"""Where speech begins and ends in a recording, and recordings as a microphone gives them."""

import io

import numpy as np
import soundfile
import soxr

from deployments.contracts import Float32
from serve_app.samples.catalogue import Question

WINDOW_SECONDS = 0.01
VOICED_DECIBELS = -35.0
"""A window counts as voiced within this of the loudest one. On the sample questions that ends within 20 ms of where
they were cut when they were made (0.25 s before the end), and up to 60 ms before a voice activity network says so."""


def voiced_seconds(samples: Float32, rate_hz: int) -> tuple[float, float] | None:
    """When the first voiced window begins and the last one ends; None where all is silent."""
    length = round(WINDOW_SECONDS * rate_hz)
    windows = samples[: len(samples) // length * length].reshape(-1, length)
    if not len(windows):
        return None
    loudness = np.sqrt(np.mean(np.square(windows, dtype=np.float64), axis=1))
    if loudness.max() < 1e-4:
        return None
    voiced = np.flatnonzero(loudness >= loudness.max() * 10 ** (VOICED_DECIBELS / 20))
    return float(voiced[0] * WINDOW_SECONDS), float((voiced[-1] + 1) * WINDOW_SECONDS)


def recording(question: Question, rate_hz: int) -> Float32:
    """A sample question at the given rate, -1..1."""
    samples, own_rate_hz = soundfile.read(io.BytesIO(question.sound()), dtype="float32")
    if own_rate_hz != rate_hz:
        samples = soxr.resample(samples, own_rate_hz, rate_hz)
    return np.asarray(samples, np.float32)


def pcm16(samples: Float32) -> bytes:
    """Little-endian, clipped."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
