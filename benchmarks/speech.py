"""What a second of speech costs, by runtime: python -m benchmarks.speech

For each way of computing Kokoro: processor and wall seconds for a short and a long clause, the first time a length
occurs and again, on one thread and on two.
"""

import json
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

from benchmarks.machine import write_result
from benchmarks.record import SECONDS, measures_of
from deployments.contracts import Cancellation
from deployments.tts.espeak import open_espeak
from deployments.tts.kokoro_network import Network, build_network
from deployments.tts.phonemes import Phonemizer, ids_of
from deployments.tts.settings import EspeakSettings, KokoroSettings
from deployments.tts.voices import style_for
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings

CLAUSES = {
    "three words": "Sure, happy to.",
    "seven words": "The capital of France is Paris, naturally.",
    "twenty words": "We talked for hours about music, and travel, and the small things that make a good day "
    "in the countryside.",
}
WAYS: dict[str, dict[str, Any]] = {
    "published int8": {"runtime": "onnxruntime"},
    "parts f32": {"precision": "f32"},
    "parts auto": {"precision": "auto"},
}
REPEATS = 4


def timed(network: Network, ids: list[int]) -> tuple[float, float, float]:
    """Seconds of sound, wall seconds, processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    sound = network.render(ids, style_for("af_heart", len(ids)), 1.0, Cancellation())
    return len(sound) / 24_000, time.perf_counter() - wall, time.process_time() - cpu


def one_way(way: str, threads: int) -> None:
    """Measures in a process of its own, so that memory is its own; prints a row for each clause as JSON."""
    settings = KokoroSettings(threads=threads, **WAYS[way])
    started = time.perf_counter()
    network = build_network(settings, require(settings.weights, WeightsSettings()))
    loaded = time.perf_counter() - started
    phonemizer = Phonemizer(open_espeak(EspeakSettings()))
    timed(network, ids_of(phonemizer.spell("Hello.", "en")))
    for name, clause in CLAUSES.items():
        ids = ids_of(phonemizer.spell(clause, "en"))
        seconds, *first = timed(network, ids)
        again = np.min([timed(network, ids)[1:] for _ in range(REPEATS)], axis=0)
        row = {
            "way": way,
            "threads": threads,
            "clause": name,
            "sound_seconds": round(seconds, 3),
            "first_wall_seconds": round(first[0], 3),
            "first_processor_seconds": round(first[1], 3),
            "wall_seconds": round(float(again[0]), 3),
            "processor_seconds": round(float(again[1]), 3),
            "processor_per_second": round(float(again[1]) / seconds, 3),
            "load_seconds": round(loaded, 2),
            "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        print(json.dumps(row), flush=True)


def main() -> None:
    rows = []
    for way in WAYS:
        for threads in (1, 2):
            command = [sys.executable, "-m", "benchmarks.speech", way, str(threads)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            for line in done.stdout.splitlines():
                if line.startswith("{"):
                    print(line, flush=True)
                    rows.append(json.loads(line))
    names = {"wall_seconds": SECONDS, "processor_seconds": SECONDS, "processor_per_second": "s/s"}
    measures = [
        measure
        for row in rows
        for measure in measures_of([row], names, group={name: row[name] for name in ("way", "threads", "clause")})
    ]
    command = ["python", "-m", "benchmarks.speech"]
    print("written to", write_result("speech", command, {"rows": rows}, measures=measures))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one_way(sys.argv[1], int(sys.argv[2]))
    else:
        main()
