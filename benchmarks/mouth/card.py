"""Writes the model card beside the shipped network: `python -m benchmarks.mouth.card --folder DIR --scores RESULT`.

Run after training and scoring; a test holds the card to the file (sha256, sizes, look-ahead).
"""

import argparse
import hashlib
import json
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

from benchmarks.mouth import train
from benchmarks.mouth.corpus import HELD_OUT_VOICES
from benchmarks.mouth.recording import load
from benchmarks.mouth.robots import HELD_OUT_FLITE, HELD_OUT_VARIANTS
from deployments.contracts import HEARING_RATE_HZ
from deployments.video.portrait.mouth import MODEL, MouthNet
from deployments.video.portrait.pose import MOUTH_CHANNELS

TOLD = ("numpy", "scipy", "torch", "onnx", "onnxruntime", "pyworld", "misaki", "pypinyin")
RECIPE = [
    "python -m benchmarks.mouth.corpus kokoro --folder DIR --weights kokoro-v1.0.int8.onnx --voices VOICES",
    "python -m benchmarks.mouth.corpus robots --folder DIR",
    "python -m benchmarks.mouth.corpus align --folder DIR",
    "python -m benchmarks.mouth.corpus changed --folder DIR",
    "python -m benchmarks.mouth.train --folder DIR --out deployments/video/models/mouth.onnx",
    "python -m benchmarks.mouth.score --folder DIR --write",
    "python -m benchmarks.mouth.card --folder DIR --scores benchmarks/results/mouth-TIME.json",
]


def _minutes(folder: Path) -> dict[str, float]:
    """Minutes of speech by part of the corpus: kokoro-train, kokoro-score, ..., changed copies as world-...-train."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for file in sorted(folder.glob("*.npz")):
        part = file.stem.rsplit("-", 2)[0]
        seconds[part] += len(load(file).samples) / HEARING_RATE_HZ
    return {part: round(value / 60, 1) for part, value in sorted(seconds.items())}


def card(folder: Path, scores: Path, steps: int, seed: int) -> dict[str, object]:
    """The card's content."""
    network = MODEL.read_bytes()
    result = json.loads(scores.read_text())
    return {
        "name": "Mouth network: 16 kHz speech to mouth channels, 50 rows a second",
        "file": MODEL.name,
        "sha256": hashlib.sha256(network).hexdigest(),
        "bytes": len(network),
        "licence": "Apache-2.0, trained by this project on synthetic speech only",
        "channels": list(MOUTH_CHANNELS),
        "history_samples": MouthNet.HISTORY_SAMPLES,
        "lookahead_samples": MouthNet.LOOKAHEAD_SAMPLES,
        "normalisation": "in the graph: 40 log-mel bands, mean by band, one divisor",
        "seed": seed,
        "training": {"steps": steps, "batch": train.BATCH, "rows": train.ROWS, "shares": train.SHARES},
        "data": {
            "recipe": RECIPE,
            "minutes": _minutes(folder),
            "programs": "Kokoro v1.0 int8 (50 of the 54 voices of kokoro-js 1.2.1), espeak-ng 1.51, flite 2.2",
            "debian_packages": ["espeak-ng", "libespeak-ng1", "flite", "fortunes", "fortunes-es", "fortunes-zh"],
            "held_out_voices": {**HELD_OUT_VOICES, "espeak": HELD_OUT_VARIANTS, "flite": HELD_OUT_FLITE},
            "held_out_texts": "15 % of all sentences, by hash",
            "labels": "phone times by Viterbi alignment near the programs' own, lip shapes by our own table",
        },
        "versions": {name: version(name) for name in TOLD},
        "limits": "Lip shapes are a table, not filmed lips; no human speech was scored.",
        "scores": result["figures"],
        "scored_with": {"commit": result["machine"]["commit"], "at": result["machine"]["measured_at"]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--scores", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=train.STEPS)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    content = card(options.folder, options.scores, options.steps, options.seed)
    MODEL.with_suffix(".json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
