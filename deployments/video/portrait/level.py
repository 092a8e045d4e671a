"""How loud the speech is for its speaker: a slow gain control that knows only what it has heard so far."""

from dataclasses import dataclass

import numpy as np

from deployments.contracts import SAMPLES_PER_FRAME, Float32

SPAN_DB = 28.0
"""From the quietest sound that moves the face to full level."""
_TYPICAL_DB = -25.0
"""Mean level of speech frames of the voices we ship, in dB under full scale (measured -25.2, -26.3, -25.9, -18.8)."""
_PEAK_OVER_MEAN_DB = 7.0
"""92nd percentile of frame levels over the mean of speech frames (measured 7.3, 6.6, 6.3, 6.7)."""
_FLOOR_DB = -56.0
_PRIOR_FRAMES = 1.5
_MEMORY_FRAMES = 100
_SPEECH_UNDER_MEAN_DB = 20.0


def frame_decibels(samples: Float32) -> list[float]:
    """Level of each whole frame of 640 samples, in dB under full scale, at least -90."""
    frames = samples[: len(samples) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME].reshape(-1, SAMPLES_PER_FRAME)
    power = np.square(frames, dtype=np.float64).mean(axis=1)
    return [float(value) for value in 10 * np.log10(power + 1e-9)]


@dataclass(slots=True)
class Loudness:
    """The recurrent part: what this speaker's voice has been like until now."""

    mean_db: float = _TYPICAL_DB
    frames_heard: float = 0.0

    def hear(self, decibels: float) -> None:
        """Takes one frame into account. Within 300 ms of speech the prior weighs a fifth, after that ever less."""
        if decibels < _FLOOR_DB:
            return
        if decibels < self.mean_db - _SPEECH_UNDER_MEAN_DB:
            # breath and room, or a voice far quieter than thought: come down to it at 5 dB a second
            self.mean_db -= 0.2
            return
        self.frames_heard = min(self.frames_heard + 1, _MEMORY_FRAMES)
        self.mean_db += (decibels - self.mean_db) / (self.frames_heard + _PRIOR_FRAMES)

    def level(self, decibels: float) -> float:
        """0 for silence, 1 for this speaker's loud syllables, at most 1.15."""
        return min(max((decibels - self.mean_db - _PEAK_OVER_MEAN_DB + SPAN_DB) / SPAN_DB, 0.0), 1.15)
