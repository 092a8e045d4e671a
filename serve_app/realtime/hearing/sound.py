"""A session's sound on its way to the ear: resampled as it comes, and kept for as long as it may be needed."""

import numpy as np
import soxr

from deployments.contracts import HEARING_RATE_HZ, Float32
from deployments.errors import BadInput


class Inlet:
    """PCM16 mono, little-endian, of one rate in; float32 at 16 kHz out, at most 15 ms behind."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        same = rate_hz == HEARING_RATE_HZ
        self._stream = None if same else soxr.ResampleStream(rate_hz, HEARING_RATE_HZ, 1, "float32", quality="MQ")

    def take(self, pcm16: bytes) -> Float32:
        """Raises BadInput for half a sample."""
        if len(pcm16) % 2:
            raise BadInput(f"PCM16 comes in pairs of bytes; {len(pcm16)} bytes are half a sample too many.")
        samples = np.frombuffer(pcm16, "<i2").astype(np.float32) * np.float32(2**-15)
        return samples if self._stream is None else np.asarray(self._stream.resample_chunk(samples), np.float32)

    def end(self) -> Float32:
        """What is still inside."""
        nothing = np.zeros(0, np.float32)
        return nothing if self._stream is None else np.asarray(self._stream.resample_chunk(nothing, last=True))


class Kept:
    """The last of a stream of samples, by their absolute positions. Appending is cheap."""

    def __init__(self, start: int = 0) -> None:
        self.start = self.end = start
        self._samples = np.zeros(1 << 14, np.float32)

    def append(self, samples: Float32) -> None:
        length = self.end - self.start
        if length + len(samples) > len(self._samples):
            grown = np.zeros(2 * (length + len(samples)), np.float32)
            grown[:length] = self._samples[:length]
            self._samples = grown
        self._samples[length : length + len(samples)] = samples
        self.end += len(samples)

    def forget(self, position: int) -> None:
        """Everything before a position."""
        position = min(max(position, self.start), self.end)
        left = self._samples[position - self.start : self.end - self.start].copy()
        # A long utterance does not hold its memory for good.
        self._samples = np.zeros(max(1 << 14, 2 * len(left)), np.float32)
        self._samples[: len(left)] = left
        self.start = position

    def between(self, start: int, end: int) -> Float32:
        """A copy of what is kept of a range."""
        start, end = max(start, self.start), min(end, self.end)
        return self._samples[start - self.start : max(start, end) - self.start].copy()
