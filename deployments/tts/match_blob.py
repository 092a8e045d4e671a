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
    """The nearest built-in voice of each language, and the sample's pitch and timbre (timbre.py)."""

    voices: dict[str, str]
    pitch_mean: float
    pitch_spread: float
    timbre: Float32

    def pack(self) -> bytes:
        content = {
            "format": _MAGIC,
            "version": _VERSION,
            "voices": self.voices,
            "pitch": [round(self.pitch_mean, 5), round(self.pitch_spread, 5)],
            "timbre": [round(float(level), 3) for level in self.timbre],
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
            voices = {language: str(content["voices"][language]) for language in LANGUAGES}
            mean, spread = (float(value) for value in content["pitch"])
            timbre = np.array(content["timbre"], np.float32)
            if timbre.shape != (BANDS,) or not (set(voices.values()) <= set(builtin_voices())):
                raise ValueError("unknown voices or bands")
            if not (np.isfinite(timbre).all() and 3 < mean < 7 and 0 < spread < 1):
                raise ValueError("impossible numbers")
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(
                f"This is not a matched voice of this version ({error}). Upload the sample again."
            ) from error
        return MatchBlob(voices, mean, spread, timbre)
