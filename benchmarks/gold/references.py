"""Who should be speaking in the gold set's films: recordings of the default voices, made once and kept.

    python -m benchmarks.gold.references          makes them again, in benchmarks/gold/voices

Each is the voice that answers in its language by default, saying sentences that are not in the gold set, as the engine
gave them at the time, without codec or container: a voice that has become muffled, or another one, is less like it.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile
import soxr

from benchmarks.measure_voices import SENTENCES
from deployments.contracts import HEARING_RATE_HZ, Cancellation, SpeechRequest
from serve_app.client import AvatarClient

FOLDER = Path(__file__).with_name("voices")
VOICES = {"en": "af_heart", "es": "ef_dora", "zh": "zf_xiaoxiao"}
"""Those of the default configuration. Where a server has no voice of that name, its films' voices are not judged."""
_SENTENCES = 2


def references(client: AvatarClient) -> Mapping[str, Path]:
    """By language, for the voices that the server has."""
    there = {voice.id for voice in client.voices()}
    return {language: FOLDER / f"{name}.wav" for language, name in VOICES.items() if name in there}


def main() -> None:
    from deployments.tts.engines import build_engine
    from deployments.tts.settings import TtsSettings
    from deployments.weights.settings import WeightsSettings

    enrolled: dict[str, bytes] = {}
    engine = build_engine(TtsSettings(warm_up=False), WeightsSettings(), enrolled.__getitem__)
    FOLDER.mkdir(exist_ok=True)
    for language, voice in VOICES.items():
        pieces = [
            piece
            for sentence in SENTENCES[language][:_SENTENCES]
            for piece in engine.speak(SpeechRequest(sentence, language, voice), Cancellation())
        ]
        sound = soxr.resample(np.concatenate([piece.samples for piece in pieces]), pieces[0].rate_hz, HEARING_RATE_HZ)
        path = FOLDER / f"{voice}.wav"
        soundfile.write(path, sound, HEARING_RATE_HZ, subtype="PCM_16")
        print(path, f"{len(sound) / HEARING_RATE_HZ:.1f} s")


if __name__ == "__main__":
    main()
