"""A matched voice as bytes for the store: a few numbers, no code."""

import json
from dataclasses import dataclass

import numpy as np

from deployments.contracts import Float32
from deployments.errors import BadInput
from deployments.tts.phonemes import LANGUAGES
from deployments.tts.timbre import BANDS
from deployments.tts.voices import builtin_voices

_MAGIC = "realtime-avatar voice match"
_VERSION = 1
_MOST_BYTES = 64_000


@dataclass(frozen=True, eq=False)
class MatchBlob:
    """What `matching.py` found. `voices`: whose rhythm, by language. `blend`: whose colour, as weights of one sum.

    `gain` brings the blend to the level of all voices. `pitch_mean`, `pitch_spread`: of log Hz, the sample's.
    `curve`: float32 [32], dB by band of timbre.py, from the blend to the sample.
    """

    voices: dict[str, str]
    blend: dict[str, float]
    gain: float
    pitch_mean: float
    pitch_spread: float
    curve: Float32

    def pack(self) -> bytes:
        content = {
            "format": _MAGIC,
            "version": _VERSION,
            "voices": self.voices,
            "blend": self.blend,
            "gain": round(self.gain, 4),
            "pitch": [round(self.pitch_mean, 5), round(self.pitch_spread, 5)],
            "curve": [round(float(level), 3) for level in self.curve],
        }
        return json.dumps(content, separators=(",", ":")).encode()

    @staticmethod
    def unpack(data: bytes) -> "MatchBlob":
        """Raises BadInput, saying to enrol again, for anything that `pack` did not write."""
        try:
            if len(data) > _MOST_BYTES:
                raise ValueError("too large")
            content = json.loads(data)
            if content["format"] != _MAGIC or content["version"] != _VERSION:
                raise ValueError(f"version {content['version']}, not {_VERSION}")
            mean, spread = (float(value) for value in content["pitch"])
            match = MatchBlob(
                {language: str(content["voices"][language]) for language in LANGUAGES},
                {str(voice_id): float(weight) for voice_id, weight in content["blend"].items()},
                float(content["gain"]),
                mean,
                spread,
                np.array(content["curve"], np.float32),
            )
            match.check()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"This is no matched voice of this version ({error}). Upload the sample again.") from error
        return match

    def check(self) -> None:
        """Raises ValueError for what no voice can be."""
        known = set(builtin_voices())
        if not (set(self.voices.values()) | set(self.blend) <= known) or self.curve.shape != (BANDS,):
            raise ValueError("unknown voices or bands")
        whole = abs(sum(self.blend.values()) - 1) < 1e-3 and all(0 < weight <= 1 for weight in self.blend.values())
        pitched = 3 < self.pitch_mean < 7 and 0 < self.pitch_spread < 1
        if not (whole and pitched and 0.01 < self.gain < 100 and np.isfinite(self.curve).all()):
            raise ValueError("impossible numbers")
