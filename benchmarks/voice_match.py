"""How close a matched voice comes to its speaker: python -m benchmarks.voice_match FOLDER [FOLDER ...]

Each FOLDER holds recordings of one person (.wav, .g722). Every second recording, in order, is enrolled; the others
are held out. Scores are cosines with the held-out speech: of the language's default voice, of the nearest voice as it
is, of the match, and of the enrolled recordings themselves (the ceiling). `judge` takes no part in the matching.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.machine import write_result
from benchmarks.record import SECONDS, Measure, measures_of
from benchmarks.speaker_judge import SpeakerJudge
from deployments.contracts import HEARING_RATE_HZ, Cancellation, Float32, Pcm, SpeechRequest
from deployments.tts.engines import build_engine
from deployments.tts.match_blob import MatchBlob
from deployments.tts.settings import TtsSettings
from deployments.tts.speaker_encoder import SpeakerEncoder
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings

TEXTS = {
    "en": "It is easy to tell the depth of a well. We had a wonderful time by the river, and came home late.",
    "es": "El viento del norte soplaba con fuerza. Pasamos una tarde maravillosa junto al río.",
    "zh": "昨天我们在河边度过了一个美好的下午。晚上很晚才回家。",
}
ENROLLED_SECONDS = 20
COMPARED = {"default": "neither", "unbent": "higher", "matched": "higher", "ceiling": "neither"}
"""What is compared with the speaker, and whether it should be like: the default voice is nobody's, and the ceiling is
the recordings' own."""


def recording(path: Path) -> Float32:
    """16 kHz mono."""
    with av.open(str(path), format="g722" if path.suffix == ".g722" else None) as container:
        resampler = av.AudioResampler("flt", "mono", HEARING_RATE_HZ)
        parts = [
            part.to_ndarray().reshape(-1) for frame in container.decode(audio=0) for part in resampler.resample(frame)
        ]
        parts += [part.to_ndarray().reshape(-1) for part in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float32)


def measures(rows: Sequence[Mapping[str, Any]]) -> list[Measure]:
    """By language; speakers are blocks. The same recordings give the same scores: chance has no part in them."""
    found = []
    for language in sorted({row["language"] for row in rows}):
        group = {"language": language}
        own = [
            {**row, **{f"{what}_by_{ear}": row[what][ear] for what in COMPARED for ear in ("judge", "encoder")}}
            for row in rows
            if row["language"] == language
        ]
        for what, better in COMPARED.items():
            scores = {f"{what}_by_{ear}": "cosine" for ear in ("judge", "encoder")}
            found += [replace(one, stray=0.0) for one in measures_of(own, scores, better, "speaker", group)]
        found += measures_of(own, {"cpu_seconds_per_second": "s/s"}, "lower", "speaker", group)
        found += measures_of(own, {"enrolment_seconds": SECONDS}, "lower", "speaker", group)
    return found


def main(folders: list[str]) -> None:
    names = [Path(folder).name for folder in folders]
    weights = WeightsSettings()
    blobs: dict[str, bytes] = {}
    engine = build_engine(TtsSettings(warm_up=False), weights, blobs.__getitem__)
    encoder = SpeakerEncoder(require("speaker-encoder", weights))
    judge = SpeakerJudge(require("speaker-judge", weights))
    rows = []

    def score(speech: Float32, held: Float32) -> dict[str, float]:
        pairs = {"judge": judge.embed, "encoder": encoder.embed}
        return {name: round(float(embed(speech) @ embed(held)), 3) for name, embed in pairs.items()}

    def said(voice_id: str, language: str) -> tuple[Float32, float]:
        started = time.process_time()
        pieces = list(engine.speak(SpeechRequest(TEXTS[language], language, voice_id), Cancellation()))
        spent = time.process_time() - started
        sound = np.concatenate([piece.samples for piece in pieces])
        resampler = av.AudioResampler("flt", "mono", HEARING_RATE_HZ)
        frame = av.AudioFrame.from_ndarray(sound[None], format="flt", layout="mono")
        frame.sample_rate = pieces[0].rate_hz
        parts = [*resampler.resample(frame), *resampler.resample(None)]
        heard = np.concatenate([part.to_ndarray().reshape(-1) for part in parts])
        return heard.astype(np.float32), spent / (len(sound) / pieces[0].rate_hz)

    for folder in map(Path, folders):
        paths = sorted(path for path in folder.iterdir() if path.suffix in (".wav", ".g722"))
        sounds = [recording(path) for path in paths]
        sample, held = np.concatenate(sounds[::2]), np.concatenate(sounds[1::2])
        limit = ENROLLED_SECONDS * HEARING_RATE_HZ
        sample, held = sample[:limit], held[:limit]
        started = time.perf_counter()
        blob = engine.enrol(Pcm(sample, HEARING_RATE_HZ))
        seconds = time.perf_counter() - started
        blobs["match"] = blob
        nearest = MatchBlob.unpack(blob).voices
        for language in TEXTS:
            default = TtsSettings().default_voices[language]
            matched, factor = said("match", language)
            row = {
                "speaker": folder.name,
                "language": language,
                "nearest": nearest[language],
                "blend": MatchBlob.unpack(blob).blend,
                "default": score(said(default, language)[0], held),
                "unbent": score(said(nearest[language], language)[0], held),
                "matched": score(matched, held),
                "ceiling": score(sample, held),
                "cpu_seconds_per_second": round(factor, 3),
                "enrolment_seconds": round(seconds, 2),
            }
            print(row, flush=True)
            rows.append(row)
    command = ["python", "-m", "benchmarks.voice_match", *names]
    print("written to", write_result("voice_match", command, {"rows": rows}, measures=measures(rows)))


if __name__ == "__main__":
    main(sys.argv[1:])
