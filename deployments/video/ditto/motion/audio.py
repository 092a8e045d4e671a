"""Which sound is heard for which frames. Windows lie on absolute sample indices, whenever the sound came.

HuBERT hears 6480 samples and gives 20 rows, 50 a second. Rows 6 to 15 are those of 5 frames, which lie 3 frames after
the window's start, as in the published pipeline; the rest is context.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deployments.contracts import SAMPLES_PER_FRAME, Float32
from deployments.video.ditto.sizes import FEATURE_DIMS

Int16 = npt.NDArray[np.int16]
Float16 = npt.NDArray[np.float16]

RUN_FRAMES = 5
"""Frames that are heard together."""
RUN_SAMPLES = RUN_FRAMES * SAMPLES_PER_FRAME
WINDOW_SAMPLES = 6480
"""3 frames before, 5 heard, 2 after, and 80 samples by which HuBERT's last row reaches further."""
WINDOW_ROWS = 20
_ROWS = slice(6, 16)
FULL_SCALE = 32767.0


@dataclass(frozen=True, slots=True)
class Hearing:
    """`before`: samples of a window that lie before its 5 frames. `whole_frames_only`: rows beyond the last frame are
    not heard at the end of a stream; else one run more is, in which the stream's end is still context."""

    before: int
    whole_frames_only: bool

    @classmethod
    def online(cls) -> "Hearing":
        """The published streaming way: 3 frames before."""
        return cls(3 * SAMPLES_PER_FRAME, whole_frames_only=False)

    @classmethod
    def offline(cls) -> "Hearing":
        """The published way with whole files: 5 ms earlier."""
        return cls(WINDOW_SAMPLES - 7 * SAMPLES_PER_FRAME, whole_frames_only=True)

    def start_of(self, run: int) -> int:
        """Index of the first sample that run `run` (frames 5·run to 5·run + 4) is heard with; may be negative."""
        return run * RUN_SAMPLES - self.before

    def samples_for(self, run: int) -> int:
        """Samples from the stream's start that a run needs."""
        return self.start_of(run) + WINDOW_SAMPLES

    def runs_in(self, samples: int) -> int:
        """Runs that `samples` samples suffice for while no end is known."""
        return max(0, (samples + self.before - WINDOW_SAMPLES) // RUN_SAMPLES + 1)

    def rows_in(self, samples: int) -> int:
        """Feature rows of a stream that ended after `samples` > 0 samples."""
        if self.whole_frames_only:
            return -(-samples // SAMPLES_PER_FRAME)
        return -(-(samples + self.before) // RUN_SAMPLES) * RUN_FRAMES


def to_int16(samples: Float32) -> Int16:
    """16 bits keep the state small, and no later reader can tell which samples came together."""
    found: Int16 = np.rint(samples * np.float32(FULL_SCALE)).astype(np.int16)
    return found


def window_at(start: int, pcm: Int16, pcm_start: int) -> Float32:
    """float32 [6480], the stream's samples from `start` on, zeros where there are none. `pcm` begins at `pcm_start`."""
    window = np.zeros(WINDOW_SAMPLES, np.float32)
    low, high = max(start, pcm_start), min(start + WINDOW_SAMPLES, pcm_start + len(pcm))
    if high > low:
        window[low - start : high - start] = pcm[low - pcm_start : high - pcm_start]
    return window / np.float32(FULL_SCALE)


def frame_features(rows: Float32) -> Float16:
    """float16 [5, 1024] of HuBERT's rows, float32 [20, 1024]: means of pairs, rounded when they are made."""
    if rows.shape != (WINDOW_ROWS, FEATURE_DIMS):
        raise ValueError(f"HuBERT gives [{WINDOW_ROWS}, {FEATURE_DIMS}] for a window, not {rows.shape}")
    pairs = rows[_ROWS].reshape(RUN_FRAMES, 2, FEATURE_DIMS)
    means: Float32 = np.mean(pairs, axis=1)
    return means.astype(np.float16)
