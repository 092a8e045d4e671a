"""Scores a mouth network on voices and texts it was never trained on: `python -m benchmarks.mouth.score --folder DIR`.

Sets: each program's held-out voices speaking held-out sentences. Measures, against the table's channels:
- correlation of each channel, at 50 rows a second;
- closure F1 by row: a row is closed when its target press is over 0.5, found when the press channel is over a half
  (0.3 for the prototype's, which was tuned so);
- closures by event, on what the picture shows, 25 frames a second: an m, b or p counts as shown when a frame within it
  (a frame's length allowed) is pressed; a shown closure counts as false when there is none within 60 ms of it.
  Spanish [β], where lips only approach, counts neither way;
- vowels_crushed: share of the frames of open vowels that are pressed shut.
- popping: false closures a minute of speech. Jitter: mean second difference of the opening over the target's.
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from benchmarks.machine import write_result
from benchmarks.mouth.examples import row_levels, row_targets
from benchmarks.mouth.recording import Recording, load
from benchmarks.mouth.sounds import Span
from benchmarks.record import Measure
from deployments.contracts import HEARING_RATE_HZ, SAMPLES_PER_FRAME, Float32
from deployments.video.portrait.features import BINS, TRANSFORM_SAMPLES, log_mel, mel_bands
from deployments.video.portrait.mouth import GROUP_FRAMES, MODEL, MouthNet
from deployments.video.portrait.pose import MOUTH_CHANNELS

logger = logging.getLogger(__name__)

OPEN, PRESS = MOUTH_CHANNELS.index("open"), MOUTH_CHANNELS.index("press")
ROW_SECONDS, FRAME_SECONDS = 0.02, 0.04
FALSE_BEYOND_SECONDS = 0.06
Analyser = Callable[[Float32], Float32]
"""16 kHz speech to channels of its frames, float32 [n, 8]."""


@dataclass(frozen=True, slots=True)
class Case:
    """A recording with some silence at both ends, and what is said when."""

    recording: Recording
    samples: Float32
    spans: list[Span]


def cases(folder: Path) -> dict[str, list[Case]]:
    """Held-out recordings by set: kokoro-en, kokoro-es, kokoro-zh, espeak-en, ..., flite-en."""
    labels = json.loads((folder / "labels.json").read_text())
    found: dict[str, list[Case]] = {}
    for file in sorted(folder.glob("*-score-*.npz")):
        recording = load(file)
        silence = np.zeros(8 * SAMPLES_PER_FRAME, np.float32)
        samples = np.concatenate([silence, recording.samples, silence])
        samples = samples[: len(samples) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME]
        late = 8 * FRAME_SECONDS
        spans = [Span(sound, start + late, end + late) for sound, start, end in labels[file.stem]]
        found.setdefault(f"{recording.source}-{recording.language}", []).append(Case(recording, samples, spans))
    return found


def shown_by(net: MouthNet) -> Analyser:
    """The network as the engine runs it, on the grid of five frames."""

    def analyse(samples: Float32) -> Float32:
        frames = len(samples) // SAMPLES_PER_FRAME
        groups = -(-frames // GROUP_FRAMES)
        after = GROUP_FRAMES * SAMPLES_PER_FRAME * groups + net.LOOKAHEAD_SAMPLES - len(samples)
        padded = np.pad(samples, (net.HISTORY_SAMPLES, after))
        length = net.HISTORY_SAMPLES + GROUP_FRAMES * SAMPLES_PER_FRAME + net.LOOKAHEAD_SAMPLES
        pieces = [net.channels(padded[k * GROUP_FRAMES * SAMPLES_PER_FRAME :][:length]) for k in range(groups)]
        return np.concatenate(pieces)[:frames]

    return analyse


def _f1(right: float, found: float, wanted: float) -> float:
    return 2 * right / max(1.0, found + wanted)


def closure_events(press: npt.NDArray[np.float32], spans: list[Span], threshold: float) -> tuple[int, int, int, int]:
    """(closures shown, closures said, shown runs that are right, shown runs) at 25 frames a second."""
    said = [s for s in spans if s.sound in ("p·", "b·", "m")]
    near = [s for s in spans if s.sound == "β"]
    closed = press > threshold
    times = (np.arange(len(press)) + 0.5) * FRAME_SECONDS
    shown = 0
    for span in said:
        inside = (times > span.start - 0.5 * FRAME_SECONDS) & (times < span.end + 0.5 * FRAME_SECONDS)
        shown += bool((closed & inside).any())
    edges = np.flatnonzero(np.diff(np.concatenate([[False], closed, [False]]).astype(np.int8)))
    runs = [(times[a], times[b - 1]) for a, b in edges.reshape(-1, 2)]
    margin = FALSE_BEYOND_SECONDS
    touches = [any(a < s.end + margin and b > s.start - margin for s in said) for a, b in runs]
    doubtful = [any(a < s.end + margin and b > s.start - margin for s in near) for a, b in runs]
    counted = [touch for touch, doubt in zip(touches, doubtful, strict=True) if touch or not doubt]
    return shown, len(said), sum(counted), len(counted)


def score(tests: list[Case], analyse: Analyser, threshold: float = 0.5) -> dict[str, float]:
    """The measures on one set."""
    made, wanted, events, seconds = [], [], np.zeros(4), 0.0
    for case in tests:
        frames = analyse(case.samples)
        rows = row_targets(case.spans, 2 * len(frames))
        made.append(frames)
        wanted.append(0.5 * (rows[0::2] + rows[1::2]))
        events += closure_events(frames[:, PRESS], case.spans, threshold)
        seconds += len(case.recording.samples) / 16_000
    shapes, targets = np.concatenate(made), np.concatenate(wanted)
    result = {}
    for place, name in enumerate(MOUTH_CHANNELS):
        varies = shapes[:, place].std() > 1e-6
        result[name] = float(np.corrcoef(shapes[:, place], targets[:, place])[0, 1]) if varies else 0.0
    closed, found = targets[:, PRESS] > 0.5, shapes[:, PRESS] > threshold
    speaking = (targets[:, OPEN] > 0.02) | closed
    result["closure_frame_f1"] = _f1((closed & found).sum(), (found & speaking).sum(), closed.sum())
    shown, said, right, runs = events
    recall, precision = shown / max(1.0, said), right / max(1.0, runs)
    result["closure_recall"], result["closure_precision"] = float(recall), float(precision)
    result["closure_f1"] = float(2 * recall * precision / max(1e-9, recall + precision))
    result["false_closures_a_minute"] = float((runs - right) / seconds * 60)
    vowels = (targets[:, OPEN] > 0.15) & (targets[:, PRESS] < 0.15)
    result["vowels_crushed"] = float((vowels & found).sum() / max(1, vowels.sum()))
    unclosed = [f[t[:, PRESS] > 0.7, OPEN] for f, t in zip(made, wanted, strict=True)]
    result["opening_while_pressed"] = float(np.concatenate(unclosed).mean()) if unclosed else 0.0
    jumps = [np.abs(np.diff(shapes_[:, OPEN], n=2)).mean() for shapes_ in (shapes, targets)]
    result["jitter"] = float(jumps[0] / jumps[1])
    result["opening_error"] = float(np.abs(shapes[:, OPEN] - targets[:, OPEN]).mean())
    result["minutes"] = seconds / 60
    return {name: round(value, 3) for name, value in result.items()}


def cost(net: MouthNet, groups: int = 300) -> dict[str, float]:
    """Milliseconds for one group of five frames (200 ms of speech), features included, on one thread."""
    length = net.HISTORY_SAMPLES + GROUP_FRAMES * SAMPLES_PER_FRAME + net.LOOKAHEAD_SAMPLES
    window = np.random.default_rng(0).normal(size=length).astype(np.float32) * np.float32(0.1)
    wall, cpu = [], time.process_time()
    for _ in range(groups):
        began = time.perf_counter()
        net.channels(window)
        wall.append(time.perf_counter() - began)
    spent = (time.process_time() - cpu) / groups
    return {"least_ms": round(1000 * min(wall), 3), "median_ms": round(1000 * float(np.median(wall)), 3),
            "cpu_ms": round(1000 * spent, 3)}  # fmt: skip


def measures(table: Mapping[str, Mapping[str, Mapping[str, float]]], spent: Mapping[str, float]) -> list[Measure]:
    """By set and by what shaped the mouth. The same recordings give the same scores: chance has no part in them."""
    lower = {"false_closures_a_minute", "vowels_crushed", "opening_while_pressed", "opening_error"}
    # the jitter of the target is 1
    better = dict.fromkeys(lower, "lower") | {"jitter": "neither", "minutes": "neither"}
    found = [
        Measure(name, "", (value,), better.get(name, "higher"), {"set": which, "by": who}, stray=0.0)
        for which, analysers in table.items()
        for who, values in analysers.items()
        for name, value in values.items()
    ]
    return [*found, *(Measure(f"group_{name}", "ms", (value,)) for name, value in spent.items())]


def prototype(network: Path, norm: Path) -> Analyser:
    """The network this one replaces (its own features and 125 ms of look-ahead), for comparison."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    with np.load(norm) as file:
        mean, scale = file["MU"], file["SD"]

    def analyse(samples: Float32) -> Float32:
        frames = len(samples) // SAMPLES_PER_FRAME
        levels = (log_mel(np.pad(samples, (12_320, 2_000))) - mean) / scale
        rows = levels.astype(np.float32).reshape(len(levels) // 2, -1).T[None]
        shapes = session.run(None, {"x": np.ascontiguousarray(rows)})[0][0].T
        result: Float32 = shapes.reshape(frames, 2, -1).mean(axis=1)
        return result

    return analyse


def energy(samples: Float32) -> Float32:
    """Opening by loudness over the utterance's own 95th percentile: what a mouth without a network does."""
    rows = row_levels(samples)
    loud = np.log(np.exp(rows[:, :30]).sum(axis=1) + 1e-9)
    opening = np.clip((loud - np.percentile(loud, 95) + 6.5) / 6.5, 0, 1)
    smooth = gaussian_filter1d(opening, 2.4)[: len(opening) // 4 * 4].reshape(-1, 4).mean(axis=1)
    result = np.zeros((len(smooth), len(MOUTH_CHANNELS)), np.float32)
    result[:, OPEN] = 0.27 * smooth
    result[:, PRESS] = np.clip(1.0 - smooth / 0.37, 0, 1)
    return result


def bands(samples: Float32) -> Float32:
    """Loudness shared out by three bands of the spectrum, as web lip-sync does."""
    rows = row_levels(samples)
    power = np.exp(rows)
    total = power.sum(axis=1) + 1e-9
    middles = mel_bands() @ np.arange(BINS) / mel_bands().sum(axis=1) * HEARING_RATE_HZ / TRANSFORM_SAMPLES
    dark, vowel = power[:, middles < 800].sum(axis=1) / total, (middles >= 800) & (middles < 2800)
    hiss = np.clip((power[:, middles >= 3000].sum(axis=1) / total - 0.35) * 3, 0, 1)
    bright = np.clip(power[:, vowel].sum(axis=1) / total * 2.2, 0, 1)
    loud = np.log(power[:, :30].sum(axis=1) + 1e-9)
    level = np.clip((loud - np.percentile(loud, 95) + 6.5) / 6.5, 0, 1)
    shapes = np.zeros((len(rows), len(MOUTH_CHANNELS)))
    shapes[:, OPEN] = level * (0.10 + 0.22 * bright) * (1 - 0.75 * hiss)
    shapes[:, MOUTH_CHANNELS.index("pucker")] = 0.6 * np.clip((dark - 0.82) * 5, 0, 1) * level
    shapes[:, MOUTH_CHANNELS.index("wide")] = 0.14 * level * np.clip(bright + hiss - dark, 0, 1)
    shapes[:, MOUTH_CHANNELS.index("low")] = 0.3 * level + 0.35 * hiss * level
    shapes[:, PRESS] = np.clip(1.0 - shapes[:, OPEN] / 0.1, 0, 1)
    smooth = gaussian_filter1d(shapes, 2.4, axis=0)[: len(shapes) // 4 * 4]
    result: Float32 = smooth.reshape(-1, 4, len(MOUTH_CHANNELS)).mean(axis=1).astype(np.float32)
    return result


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--network", type=Path, default=MODEL)
    parser.add_argument("--prototype", type=Path, nargs=2, metavar=("ONNX", "NPZ"))
    parser.add_argument("--write", action="store_true", help="keep the scores in benchmarks/results/mouth-TIME.json")
    options = parser.parse_args()
    analysers: dict[str, tuple[Analyser, float]] = {"net": (shown_by(MouthNet(model=options.network)), 0.5)}
    if options.prototype:
        analysers["prototype"] = (prototype(*options.prototype), 0.3)
    analysers |= {"bands": (bands, 0.5), "energy": (energy, 0.5)}
    table: dict[str, dict[str, dict[str, float]]] = {}
    for name, tests in cases(options.folder).items():
        table[name] = {who: score(tests, analyse, threshold) for who, (analyse, threshold) in analysers.items()}
        for who, values in table[name].items():
            logger.info("%-10s %-9s %s", name, who, " ".join(f"{k} {v}" for k, v in values.items()))
    if options.write:
        spent = cost(MouthNet(model=options.network))
        figures = {"sets": table, "cost_of_200_ms": spent}
        write_result("mouth", sys.argv, figures, measures=measures(table, spent))


if __name__ == "__main__":
    main()
