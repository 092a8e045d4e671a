"""Who speaks: a built-in voice as it is, or bent towards somebody's sample by pitch and timbre."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.signal import fftconvolve

from deployments.contracts import Float32
from deployments.tts.match_blob import MatchBlob
from deployments.tts.settings import MatchSettings
from deployments.tts.timbre import colouring
from deployments.tts.voice_measures import measures
from deployments.tts.voices import builtin_voices

_VOICED_HZ = 10.0
_LEAST_RATIO, _MOST_RATIO = 0.5, 2.0


@dataclass(frozen=True, eq=False)
class Speaker:
    """How a voice differs from the styles it starts from. `filter`: float32 [n], odd, linear phase; None is flat.

    `pitch`: mean and standard deviation of log Hz, of the voice and to be had; None leaves it.
    """

    voice_id: str
    accent: str
    gain: float
    filter: Float32 | None = None
    pitch: tuple[float, float, float, float] | None = None

    @staticmethod
    def matched(blob: bytes, language: str, settings: MatchSettings) -> "Speaker":
        """The speaker of an enrolled voice in a language. Raises BadInput for a blob that is none."""
        match = MatchBlob.unpack(blob)
        voice_id = match.voices[language]
        base, own = builtin_speaker(voice_id), measures(voice_id)
        curve = settings.envelope_strength * (match.timbre - own.timbre)
        mean = own.pitch_mean + settings.pitch_strength * (match.pitch_mean - own.pitch_mean)
        spread = own.pitch_spread + settings.pitch_strength * (match.pitch_spread - own.pitch_spread)
        return Speaker(
            voice_id, base.accent, base.gain, colouring(curve), (own.pitch_mean, own.pitch_spread, mean, spread)
        )

    def melody(self, pitch: Float32) -> Float32:
        """The pitch with the speaker's mean and spread, Hz; silence and unvoiced sounds stay as they are."""
        if self.pitch is None:
            return pitch
        mean, spread, new_mean, new_spread = self.pitch
        logarithm = np.log(np.maximum(pitch, _VOICED_HZ))
        shifted = np.exp(new_mean + (logarithm - mean) * (new_spread / spread))
        within = np.clip(shifted, _LEAST_RATIO * pitch, _MOST_RATIO * pitch)
        return np.where(pitch > _VOICED_HZ, within, pitch).astype(np.float32)

    def coloured(self, sound: Float32) -> Float32:
        """The sound with the speaker's timbre, of the same length and not shifted in time."""
        if self.filter is None or not len(sound):
            return sound
        return np.asarray(fftconvolve(sound, self.filter, mode="same"), np.float32)


@cache
def builtin_speaker(voice_id: str) -> Speaker:
    """A built-in voice, at the level that all voices share."""
    return Speaker(voice_id, builtin_voices()[voice_id].accent, measures(voice_id).gain)
