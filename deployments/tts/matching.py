"""Voice match: somebody's speech to the nearest blend of the voices there are, with their pitch and timbre.

It is not a clone: nothing of the sample is spoken again, and the likeness is a resemblance.
"""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import soxr

from deployments.contracts import HEARING_RATE_HZ, Cancellation, Float32, Pcm
from deployments.errors import BadInput
from deployments.tts.harmonics import RATE_HZ
from deployments.tts.kokoro_network import Network
from deployments.tts.match_blob import MatchBlob
from deployments.tts.phonemes import LANGUAGES, Phonemizer, ids_of
from deployments.tts.samples import spoken
from deployments.tts.settings import MatchSettings
from deployments.tts.speaker import Speaker, bent
from deployments.tts.speaker_encoder import SpeakerEncoder, audible
from deployments.tts.timbre import BANDS, Timbre, measure
from deployments.tts.voice_measures import LEVEL, measures
from deployments.tts.voices import builtin_voices

# How many units of likeness one octave of difference in pitch costs: a voice an octave off needs much bending.
_PITCH_COST = 0.25
_TRIAL = "We had a wonderful time by the river."
_FLAT = np.zeros(BANDS, np.float32)


class Matcher:
    """Compares a sample with the built-in voices as they were measured, then tries blends of the nearest."""

    def __init__(self, settings: MatchSettings, folder: Path, network: Network, phonemizer: Phonemizer) -> None:
        self._settings = settings
        self._encoder = SpeakerEncoder(folder)
        self._network = network
        self._phonemizer = phonemizer

    def enrol(self, sample: Pcm) -> bytes:
        """The match as bytes (match_blob.py). Raises BadInput with the reason for a sample that will not do."""
        speech = self._speech(sample)
        timbre = measure(speech)
        if timbre is None:
            raise BadInput("No voice can be made out in this sample. Record somebody speaking, without music or noise.")
        vector = self._encoder.embed(speech)
        ranked = sorted(builtin_voices(), key=lambda voice_id: likeness(voice_id, vector, timbre), reverse=True)
        voices = {
            language: next(name for name in ranked if builtin_voices()[name].language == language)
            for language in LANGUAGES
        }
        trials = [self._tried(voices, blend, timbre, vector) for blend in self._blends(ranked)]
        return max(trials, key=lambda trial: trial[0])[1].pack()

    def _blends(self, ranked: list[str]) -> Iterator[dict[str, float]]:
        nearest = ranked[: self._settings.blended_voices]
        yield from ({voice_id: 1.0} for voice_id in nearest)
        yield from ({one: 0.5, other: 0.5} for one, other in combinations(nearest, 2))

    def _tried(
        self, voices: dict[str, str], blend: dict[str, float], timbre: Timbre, vector: Float32
    ) -> tuple[float, MatchBlob]:
        """A blend's likeness to the sample once it is bent, and the blob of it."""
        plain = MatchBlob(voices, blend, 1.0, timbre.pitch_mean, timbre.pitch_spread, _FLAT)
        speaker = bent(plain, voices["en"], self._settings)
        ids = ids_of(self._phonemizer.spell(_TRIAL, "en", speaker.accent))
        sound = self._network.render(ids, speaker.style(len(ids)), 1.0, Cancellation(), speaker.melody)
        own = measure(levelled(heard(sound)))
        curve = _FLAT if own is None else timbre.bands - own.bands
        coloured = MatchBlob(voices, blend, 1.0, timbre.pitch_mean, timbre.pitch_spread, curve)
        speech = audible(heard(self._coloured(coloured, sound)))
        level = float(np.sqrt(np.mean(speech**2)))
        blob = MatchBlob(voices, blend, LEVEL / level, timbre.pitch_mean, timbre.pitch_spread, curve)
        return float(self._encoder.embed(levelled(speech)) @ vector), blob

    def _coloured(self, match: MatchBlob, sound: Float32) -> Float32:
        speaker: Speaker = bent(match, match.voices["en"], self._settings)
        return speaker.coloured(sound)

    def _speech(self, sample: Pcm) -> Float32:
        """16 kHz, without silences, of usable length. Raises BadInput."""
        speech = spoken(sample, self._settings)
        return levelled(speech[: round(self._settings.max_speech_seconds * HEARING_RATE_HZ)])


def heard(sound: Float32) -> Float32:
    """The network's sound at 16 kHz."""
    return np.asarray(soxr.resample(sound, RATE_HZ, HEARING_RATE_HZ), np.float32)


def levelled(speech: Float32) -> Float32:
    """At one level: a whisperer is not a different person from someone near the microphone."""
    return np.asarray(speech * (LEVEL / max(float(np.sqrt(np.mean(audible(speech) ** 2))), 1e-6)), np.float32)


def likeness(voice_id: str, vector: Float32, timbre: Timbre) -> float:
    """Of a built-in voice: the cosine of the d-vectors, less what the difference in pitch would cost."""
    own = measures(voice_id)
    cosine = float(own.vector @ vector) if own.vector.shape == vector.shape else 0.0
    return cosine - _PITCH_COST * abs(own.pitch_mean - timbre.pitch_mean) / float(np.log(2))
