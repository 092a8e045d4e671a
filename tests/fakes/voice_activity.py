"""Speech is what is loud: a VoiceActivity that a test can write sound for."""

import numpy as np

from deployments.contracts import Float32
from serve_app.realtime.hearing.activity import WINDOW_SAMPLES


class LoudIsSpeech:
    """The probability of speech is four times the window's root mean square, at most 1."""

    def __init__(self) -> None:
        self.windows = 0

    def probability(self, window: Float32) -> float:
        assert window.shape == (WINDOW_SAMPLES,)
        self.windows += 1
        return min(1.0, 4 * float(np.sqrt(np.mean(window * window))))

    def fresh(self) -> "LoudIsSpeech":
        return LoudIsSpeech()
