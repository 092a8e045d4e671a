"""Who speaks: a built-in voice as it is, or a blend of them bent towards somebody's sample in pitch and timbre."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy.signal import fftconvolve

from deployments.contracts import Float32
from deployments.tts.match_blob import MatchBlob
from deployments.tts.settings import MatchSettings
from deployments.tts.timbre import colouring
from deployments.tts.voice_measures import measures
from deployments.tts.voices import COLOUR, builtin_voices, style_for

_VOICED_HZ = 10.0
_LEAST_RATIO, _MOST_RATIO = 0.5, 2.0


@dataclass(frozen=True, eq=False)
class Speaker:
    """`voice_id` gives rhythm and melody, `blend`, if not empty, the colour: weights by voice, which sum to one.

    `filter`: float32 [n], odd, linear phase; None is flat. `pitch`: mean and standard deviation of log Hz, of the
    voice and to be had; None leaves it.
    """

    voice_id: str
    accent: str
    gain: float
    blend: Mapping[str, float] = field(default_factory=dict)
    filter: Float32 | None = None
    pitch: tuple[float, float, float, float] | None = None

    @staticmethod
    def matched(blob: bytes, language: str, settings: MatchSettings) -> "Speaker":
        """The speaker of an enrolled voice in a language. Raises BadInput for a blob that is none."""
        match = MatchBlob.unpack(blob)
        return bent(match, match.voices[language], settings)

    def style(self, phonemes: int) -> Float32:
        """The style for a text of so many phonemes, float32 [256]."""
        style = style_for(self.voice_id, phonemes)
        if not self.blend:
            return style
        colours = [weight * style_for(voice_id, phonemes)[:COLOUR] for voice_id, weight in self.blend.items()]
        return np.concatenate([np.sum(colours, axis=0), style[COLOUR:]]).astype(np.float32)

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


def bent(match: MatchBlob, voice_id: str, settings: MatchSettings) -> Speaker:
    """The match with the rhythm of a built-in voice."""
    own, share = measures(voice_id), settings.pitch_strength
    mean = own.pitch_mean + share * (match.pitch_mean - own.pitch_mean)
    spread = own.pitch_spread + share * (match.pitch_spread - own.pitch_spread)
    return Speaker(
        voice_id,
        builtin_voices()[voice_id].accent,
        match.gain,
        match.blend,
        colouring(settings.envelope_strength * match.curve),
        (own.pitch_mean, own.pitch_spread, mean, spread),
    )
