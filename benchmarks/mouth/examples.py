"""The corpus as the network sees it: rows of log-mel and the channels they should give."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve

from benchmarks.mouth.recording import load
from benchmarks.mouth.sounds import Span
from benchmarks.mouth.visemes import targets
from deployments.contracts import HEARING_RATE_HZ, Float32
from deployments.video.portrait.features import BANDS, HOP_SAMPLES, POWER_FLOOR, SPAN_SAMPLES, log_mel

ROW_SAMPLES = 2 * HOP_SAMPLES
ROWS_PER_SECOND = HEARING_RATE_HZ // ROW_SAMPLES


@dataclass(frozen=True, slots=True)
class Example:
    """`levels`: float16 [2 rows, 40], each spectrum ending where its 10 ms end. `channels`: float32 [rows, 8]."""

    source: str
    levels: npt.NDArray[np.float16]
    channels: Float32


def row_levels(samples: Float32) -> Float32:
    """Log-mel of whole rows, each spectrum hearing up to its own end: float32 [2 rows, 40]."""
    whole = len(samples) // ROW_SAMPLES * ROW_SAMPLES
    return log_mel(np.pad(samples[:whole], (SPAN_SAMPLES - HOP_SAMPLES, 0)))


def row_targets(spans: list[Span], rows: int) -> Float32:
    """Channels averaged over each row: float32 [rows, 8]."""
    fine = targets(spans, 2 * rows)
    result: Float32 = 0.5 * (fine[0::2] + fine[1::2])
    return result


def _stretched(samples: Float32, spans: list[Span], ratio: float) -> tuple[Float32, list[Span]]:
    """Played `ratio` times as fast: pitch, vocal tract and pace change together."""
    places = np.arange(0, len(samples) - 1, ratio)
    played = np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
    return played, [Span(s.sound, s.start / ratio, s.end / ratio, s.needed) for s in spans]


def _in_a_room(samples: Float32, chance: np.random.Generator) -> Float32:
    """With a short, weak reverberation."""
    times = np.arange(2000)
    tail = chance.normal(size=2000) * np.exp(-times / (HEARING_RATE_HZ * chance.uniform(0.008, 0.05)))
    tail[:100] = 0.0
    tail *= chance.uniform(0.02, 0.08)
    tail[0] = 1.0
    result: Float32 = fftconvolve(samples, tail)[: len(samples)].astype(np.float32)
    return result


def _example(source: str, samples: Float32, spans: list[Span]) -> Example:
    levels = row_levels(samples)
    return Example(source, levels.astype(np.float16), row_targets(spans, len(levels) // 2))


def training_examples(folder: Path, chance: np.random.Generator) -> list[Example]:
    """Every training recording as it is, faster or slower, and (every other one) in a room."""
    labels = json.loads((folder / "labels.json").read_text())
    found = []
    for file in sorted(folder.glob("*-train-*.npz")):
        recording = load(file)
        spans = [Span(*label) for label in labels[file.stem.removeprefix("world-")]]
        source = "world" if file.stem.startswith("world-") else recording.source
        quiet = np.zeros(int(chance.uniform(0.05, 0.4) * HEARING_RATE_HZ), np.float32)
        samples = np.concatenate([quiet, recording.samples, quiet])
        late = len(quiet) / HEARING_RATE_HZ
        spans = [Span(s.sound, s.start + late, s.end + late) for s in spans]
        found.append(_example(source, samples, spans))
        played, moved = _stretched(samples, spans, chance.uniform(0.86, 1.16))
        found.append(_example(source, played, moved))
        if chance.random() < 0.5:
            played, moved = _stretched(samples, spans, chance.uniform(0.82, 1.22))
            found.append(_example(source, _in_a_room(played, chance), moved))
    return found


def disturbed(levels: Float32, chance: np.random.Generator) -> Float32:
    """Another level (about -30 to 0 dBFS), microphone and background, all in the logarithm: float32 [n, 40]."""
    slope = np.linspace(-1, 1, BANDS, dtype=np.float32)
    made = levels + chance.uniform(-6.5, 1.8) + slope * chance.uniform(-1.3, 1.3) + chance.normal(size=BANDS) * 0.3
    if chance.random() < 0.6:
        loud = float(np.percentile(made.mean(axis=1), 95))
        floor = loud + chance.uniform(-14.0, -4.5) - slope * chance.uniform(-1.0, 2.0)
        made = np.logaddexp(made, floor[None] + chance.gumbel(size=made.shape) * 0.35)
    if chance.random() < 0.3:
        start = chance.integers(0, BANDS - 4)
        made[:, start : start + chance.integers(1, 5)] -= chance.uniform(1.0, 5.0)
    result: Float32 = np.maximum(made, np.log(POWER_FLOOR)).astype(np.float32)
    return result
