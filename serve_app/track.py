"""The sound of one turn on one clock: what the ear gets and what drives the picture, sample by sample."""

import numpy as np
import soxr

from deployments.contracts import FRAMES_PER_SECOND, HEARING_RATE_HZ, Float32, Pcm

SOUND_LEAD_SECONDS = 0.12
"""How far the sound of a fragment runs ahead of its picture. Resampling and AAC hold back 75 ms; without the lead a
player could play only what both tracks have, that much less. The picture's own look-ahead pays for it. Chromium begins
to play once it has 0.2 s of sound: with this lead the first fragment of 5 frames is enough, with 0.08 s it is not."""


class Track:
    """Speech comes in clause by clause at the voice's rate; out go 16 kHz pieces for the picture and, frame by
    frame, the samples for the ear. Media time is the count of samples that came in, and nothing else.

    The rate is that of the first speech; speech of another rate is resampled to it. Rates must be multiples of
    25 Hz, so that a frame is a whole number of samples.
    """

    def __init__(self) -> None:
        self.rate_hz = 0
        self.ended = False
        self._resampler: soxr.ResampleStream | None = None
        self._ear: list[Float32] = []
        self._hearing = np.zeros(0, np.float32)
        self._samples_in = 0
        self._frames_out = 0
        self._ear_out = 0
        self._filled: list[tuple[int, int]] = []

    @property
    def seconds_in(self) -> float:
        return self._samples_in / self.rate_hz if self.rate_hz else 0.0

    @property
    def seconds_out(self) -> float:
        return self._frames_out / FRAMES_PER_SECOND

    @property
    def hearing_available(self) -> int:
        """16 kHz samples not yet taken."""
        return len(self._hearing)

    def append(self, pcm: Pcm) -> None:
        samples = np.asarray(pcm.samples, np.float32)
        if not self.rate_hz:
            self.rate_hz = pcm.rate_hz
            # LQ holds back 6 ms where HQ holds back 21; the picture needs nothing above 7.6 kHz anyway
            self._resampler = soxr.ResampleStream(pcm.rate_hz, HEARING_RATE_HZ, 1, dtype="float32", quality="LQ")
        if pcm.rate_hz != self.rate_hz:
            samples = soxr.resample(samples, pcm.rate_hz, self.rate_hz).astype(np.float32)
        self._push(samples)

    def fill(self, frames: int) -> None:
        """Appends counted silence: the speech has run dry, the face stays alive."""
        count = frames * self.rate_hz // FRAMES_PER_SECOND
        self._filled.append((self._samples_in, self._samples_in + count))
        self._push(np.zeros(count, np.float32))

    def end(self, closing_seconds: float = 0.0) -> None:
        """No more speech comes but silence in which the face comes to rest. What the resampler held back is let go."""
        if self.rate_hz and not self.ended:
            self._push(np.zeros(round(closing_seconds * self.rate_hz), np.float32))
        if self._resampler is not None and not self.ended:
            self._hearing = np.concatenate(
                [self._hearing, self._resampler.resample_chunk(np.zeros(0, np.float32), True)]
            )
        self.ended = True

    def take_hearing(self, count: int) -> Float32:
        """At most `count` samples of 16 kHz, float32 [n]."""
        taken, self._hearing = self._hearing[:count], self._hearing[count:]
        return taken

    def take_ear(self, frames: int) -> tuple[Pcm, float]:
        """The sound that goes with the next `frames` frames, and how many seconds of it were filled in.

        It runs ahead of the picture by up to SOUND_LEAD_SECONDS, as far as there is speech, and is padded with zeros
        to the last frame's end where there is not.
        """
        self._frames_out += frames
        shown = self._frames_out * self.rate_hz // FRAMES_PER_SECOND
        start, end = self._ear_out, max(shown, min(self._samples_in, shown + round(SOUND_LEAD_SECONDS * self.rate_hz)))
        self._ear_out = end
        joined = np.concatenate(self._ear) if self._ear else np.zeros(0, np.float32)
        samples, rest = joined[: end - start], joined[end - start :]
        self._ear = [rest] if len(rest) else []
        samples = np.pad(samples, (0, end - start - len(samples)))
        filled = sum(max(0, min(stop, end) - max(begin, start)) for begin, stop in self._filled)
        return Pcm(samples, self.rate_hz), filled / self.rate_hz

    def _push(self, samples: Float32) -> None:
        assert self._resampler is not None, "fill() before any speech"
        self._ear.append(samples)
        self._samples_in += len(samples)
        self._hearing = np.concatenate([self._hearing, self._resampler.resample_chunk(samples)])
