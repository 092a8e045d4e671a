"""What was measured of the built-in voices (benchmarks/measure_voices.py): loudness, pitch, timbre, d-vector."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from deployments.contracts import Float32
from deployments.tts.timbre import BANDS

LEVEL = 0.07
"""Root mean square of audible speech that every voice is brought to: peaks stay below 0.96."""

PATH = Path(__file__).parent / "voice_measures.json"


@dataclass(frozen=True, eq=False)
class VoiceMeasures:
    """`gain` brings the voice to the level all share; the rest as in timbre.py and speaker_encoder.py."""

    gain: float
    pitch_mean: float
    pitch_spread: float
    timbre: Float32
    vector: Float32


@cache
def measures(voice_id: str) -> VoiceMeasures:
    """Of a built-in voice. One that was never measured is taken as it is."""
    found = _table().get(voice_id)
    if found is None:
        return VoiceMeasures(1.0, 5.0, 0.2, np.zeros(BANDS, np.float32), np.zeros(1, np.float32))
    timbre, vector = (np.array(found[name], np.float32) for name in ("timbre", "vector"))
    return VoiceMeasures(found["gain"], found["pitch_mean"], found["pitch_spread"], timbre, vector)


@cache
def _table() -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = json.loads(PATH.read_text("utf-8")) if PATH.is_file() else {}
    return table
