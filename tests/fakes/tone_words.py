"""Tones that stand for words, and a recogniser that hears them: so a test knows whose speech is whose."""

import numpy as np

from benchmarks.own_words import own_word
from benchmarks.sound import pcm16
from deployments.contracts import HEARING_RATE_HZ, Transcript, Utterance
from tests.fakes.transcriber import FakeTranscriber

_LOWEST_HZ, _STEP_HZ, _MOST = 300, 12, 500
_SECONDS = 0.4


def tone_of(number: int) -> bytes:
    """PCM16 of 16 kHz that says the word of that number."""
    times = np.arange(round(_SECONDS * HEARING_RATE_HZ)) / HEARING_RATE_HZ
    hertz = _LOWEST_HZ + _STEP_HZ * (number % _MOST)
    return pcm16((0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32))


class ToneTranscriber(FakeTranscriber):
    """Hears "my word is …" in a tone, and what its parent hears in anything else that is loud."""

    def _one(self, utterance: Utterance) -> Transcript | Exception:
        result = super()._one(utterance)
        samples = utterance.pcm.samples
        if not isinstance(result, Transcript) or not result.text:
            return result
        strength = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
        hertz = float(np.argmax(strength)) * HEARING_RATE_HZ / len(samples)
        if strength.max() < 20 * np.median(strength):
            return result
        return Transcript(f"my word is {own_word(round((hertz - _LOWEST_HZ) / _STEP_HZ))}", "en", (), result.seconds)
