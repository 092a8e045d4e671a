"""The data recipe of the mouth network: `python -m benchmarks.mouth.corpus PART --folder DIR`.

Parts (each resumes where it stopped; nothing of it is committed):
- `kokoro`: the voices we ship and their siblings, phone durations from the graph (benchmarks.mouth.kokoro).
- `robots`: espeak-ng and flite, whose times are exact, in voices made very different (benchmarks.mouth.robots).
- `align`: the sounds of all of it and when they are heard, into labels.json (benchmarks.mouth.align).
- `changed`: copies of the training part in other voices through WORLD (benchmarks.mouth.changed).
Some voices and 15 % of the texts are kept for scoring and are never trained on.
"""

import argparse
import json
import logging
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from benchmarks.mouth.align import OFFSETS, Aligner
from benchmarks.mouth.changed import make_changed
from benchmarks.mouth.kokoro import TimedKokoro, phonemes
from benchmarks.mouth.recording import Recording, load, save
from benchmarks.mouth.robots import make_robots
from benchmarks.mouth.sounds import spans
from benchmarks.mouth.texts import sentences
from deployments.contracts import HEARING_RATE_HZ

logger = logging.getLogger(__name__)

HELD_OUT_VOICES = {"en": ("am_fenrir", "af_nova"), "es": ("em_alex",), "zh": ("zf_xiaoyi", "zm_yunyang")}
_SHIPPED = (
    "af_bella",
    "af_heart",
    "am_michael",
    "bf_emma",
    "bm_george",
    "ef_dora",
    "zf_xiaoxiao",
    "zm_yunjian",
    "zm_yunxi",
)
# Spanish has three voices only: those of its neighbours speak it with an accent, which is what variety needs.
_LEND_A_VOICE = {"en": "ab", "es": "efip", "zh": "zj"}
_COUNTS = {"en": (150, 22), "es": (90, 16), "zh": (90, 20)}
"""Sentences for training and for scoring."""
_MORE_MANDARIN = 80
"""More of them for training: with 90, Mandarin was the worst heard. 32 minutes in all."""


def training_voices(language: str, every: list[str]) -> list[str]:
    """Names that may be trained on for a language; those we ship come twice as often."""
    fits = [name for name in every if name[0] in _LEND_A_VOICE[language] and name not in HELD_OUT_VOICES[language]]
    return fits + [name for name in fits if name in _SHIPPED]


def kokoro_plan(voices: Path) -> Iterator[tuple[str, str, str, str, float]]:
    """(name, language, text, voice, speed) of each recording, languages in turn, scoring texts first."""
    every = sorted(path.stem for path in voices.glob("*.bin"))
    for held_out in (True, False):
        rows = []
        for language, counts in _COUNTS.items():
            chance = random.Random(f"kokoro {language} {held_out}")
            names = list(HELD_OUT_VOICES[language]) if held_out else training_voices(language, every)
            chance.shuffle(names)
            texts = sentences(language, counts[held_out], held_out)
            for number, text in enumerate(texts):
                speed = 1.0 if held_out else chance.uniform(0.85, 1.2)
                name = f"kokoro-{'score' if held_out else 'train'}-{language}-{number:03d}"
                rows.append((number / len(texts), (name, language, text, names[number % len(names)], speed)))
        yield from (row for _, row in sorted(rows))
    chance, names = random.Random("kokoro zh more"), training_voices("zh", every)
    for number, text in enumerate(sentences("zh", 100, False, 0.2)[:_MORE_MANDARIN]):
        yield f"kokoro-train-zh-{number + 100:03d}", "zh", text, names[number % len(names)], chance.uniform(0.85, 1.2)


def make_kokoro(folder: Path, weights: Path, voices: Path) -> None:
    """Speaks the plan."""
    kokoro = TimedKokoro(weights)
    for name, language, text, voice, speed in kokoro_plan(voices):
        if (folder / f"{name}.npz").exists():
            continue
        style = np.fromfile(voices / f"{voice}.bin", np.float32).reshape(510, 256)
        samples, units = kokoro.speak(phonemes(text, language), style, speed)
        heard = resample_poly(samples, HEARING_RATE_HZ, 24_000).astype(np.float32)
        save(
            folder / f"{name}.npz", Recording(heard, "kokoro", language, voice, text, [(s, float(u)) for s, u in units])
        )
        logger.info("%s %s %.1f s", name, voice, len(heard) / HEARING_RATE_HZ)


def align(folder: Path) -> None:
    """Writes labels.json: file name to [sound, start, end] of each sound, seconds."""
    labels: dict[str, list[tuple[str, float, float]]] = {}
    for source in OFFSETS:
        aligner, files = Aligner(source), sorted(folder.glob(f"{source}-*.npz"))
        for file in files:
            recording = load(file)
            aligner.add(recording.samples, spans(recording.phones, source, 0.025 if source == "kokoro" else 1.0))
        for file, heard in zip(files, aligner.train(), strict=True):
            labels[file.stem] = [(span.sound, round(span.start, 4), round(span.end, 4)) for span in heard]
        logger.info("aligned %d of %s", len(files), source)
    (folder / "labels.json").write_text(json.dumps(labels, ensure_ascii=False))


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["kokoro", "robots", "align", "changed"])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--weights", type=Path, help="kokoro-v1.0.int8.onnx")
    parser.add_argument("--voices", type=Path, help="folder with Kokoro's voices/*.bin, all 54 of kokoro-js 1.2.1")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.part == "kokoro":
        make_kokoro(options.folder, options.weights, options.voices)
    elif options.part == "robots":
        make_robots(options.folder)
    elif options.part == "align":
        align(options.folder)
    else:
        make_changed(options.folder)


if __name__ == "__main__":
    main()
