"""Voice match: somebody's speech to the nearest voice there is, with their pitch and timbre. It is not a clone."""

from pathlib import Path

import numpy as np
import soxr

from deployments.contracts import HEARING_RATE_HZ, Float32, Pcm
from deployments.errors import BadInput
from deployments.tts.match_blob import MatchBlob
from deployments.tts.phonemes import LANGUAGES
from deployments.tts.settings import MatchSettings
from deployments.tts.speaker_encoder import SpeakerEncoder, audible
from deployments.tts.timbre import Timbre, measure
from deployments.tts.voice_measures import measures
from deployments.tts.voices import builtin_voices

_SILENT = 0.003
_FULL_SCALE = 0.999
# How many units of likeness one octave of difference in pitch costs: a voice an octave off needs much bending.
_PITCH_COST = 0.25


class Matcher:
    """Compares a sample with the built-in voices as they were measured."""

    def __init__(self, settings: MatchSettings, folder: Path) -> None:
        self._settings = settings
        self._encoder = SpeakerEncoder(folder)

    def enrol(self, sample: Pcm) -> bytes:
        """The match as bytes (match_blob.py). Raises BadInput with the reason for a sample that will not do."""
        speech = self._speech(sample)
        timbre = measure(speech)
        if timbre is None:
            raise BadInput("No voice can be made out in this sample. Record somebody speaking, without music or noise.")
        vector = self._encoder.embed(speech)
        voices = {language: self._nearest(language, vector, timbre) for language in LANGUAGES}
        return MatchBlob(voices, timbre.pitch_mean, timbre.pitch_spread, timbre.bands).pack()

    def _nearest(self, language: str, vector: Float32, timbre: Timbre) -> str:
        candidates = [voice.id for voice in builtin_voices().values() if voice.language == language]
        return max(candidates, key=lambda voice_id: likeness(voice_id, vector, timbre))

    def _speech(self, sample: Pcm) -> Float32:
        """16 kHz, without silences, of usable length. Raises BadInput."""
        settings, samples = self._settings, sample.samples
        if samples.ndim != 1 or not 8000 <= sample.rate_hz <= 192_000:
            raise BadInput("The sample has to be one channel of sound at 8 to 192 kHz.")
        if not np.isfinite(samples).all():
            raise BadInput("The sample holds values that are no numbers. Export it again as WAV.")
        needed = f"At least {settings.min_speech_seconds:g} seconds of clear speech are needed, better 10 to 20."
        if not len(samples) or np.sqrt(np.mean(samples**2)) < _SILENT:
            raise BadInput(f"The sample is silent. {needed}")
        if np.mean(np.abs(samples) >= _FULL_SCALE) > settings.max_clipped_fraction:
            raise BadInput("The sample is clipped: it was recorded too loud. Record it again at half the level.")
        heard = np.asarray(soxr.resample(samples, sample.rate_hz, HEARING_RATE_HZ), np.float32)
        speech = audible(heard)
        seconds = len(speech) / HEARING_RATE_HZ
        if seconds < settings.min_speech_seconds:
            raise BadInput(f"The sample has only {seconds:.1f} seconds of speech. {needed}")
        speech = speech[: round(settings.max_speech_seconds * HEARING_RATE_HZ)]
        # One level for all: a whisperer is not a different person from someone near the microphone.
        return np.asarray(speech * (0.08 / np.sqrt(np.mean(speech**2))), np.float32)


def likeness(voice_id: str, vector: Float32, timbre: Timbre) -> float:
    """Of a built-in voice: the cosine of the d-vectors, less what the difference in pitch would cost."""
    own = measures(voice_id)
    cosine = float(own.vector @ vector) if own.vector.shape == vector.shape else 0.0
    return cosine - _PITCH_COST * abs(own.pitch_mean - timbre.pitch_mean) / float(np.log(2))
