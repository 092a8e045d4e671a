"""How much films of one text differ that are as good as each other: python -m benchmarks.quality.remakes

Gold phrases in three languages are spoken and shown by the engines of the default configuration in this process, each
several times: with another seed, which moves head and eyes otherwise, and up to 2 % slower or faster. The deviation of
each measure within the texts is its stray in `benchmarks.quality.metrics`. Writes benchmarks/results/remakes-TIME.json.
"""

import argparse
import asyncio
import math
import sys
import time
from pathlib import Path
from statistics import stdev
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.gold.phrases import chosen
from benchmarks.gold.references import FOLDER, VOICES
from benchmarks.machine import write_result
from benchmarks.quality.answers import film_of
from benchmarks.quality.measure import measure
from benchmarks.quality.measures import film_measures, film_row
from benchmarks.quality.metrics import METRICS
from benchmarks.serve_cost import local_stages
from deployments.video.builtins import DEFAULT_AVATAR, built_in_avatars
from serve_app.events import TurnRequest

PACES = (1.0, 0.98, 1.02, 0.99, 1.01)
TEXTS = "short,gold_en_001,gold_es_001,gold_zh_002"


def strays(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Standard deviation of each metric within the texts, pooled; by the name of the metric."""
    found = {}
    for metric in METRICS:
        texts = [[row[metric.name] for row in rows if row["film"] == film] for film in {row["film"] for row in rows}]
        known = [[value for value in values if value is not None] for values in texts]
        spreads = [stdev(values) for values in known if len(values) > 1]
        if spreads:
            found[metric.name] = math.sqrt(sum(value**2 for value in spreads) / len(spreads))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=TEXTS, help="gold phrases, as in avatar bench gold (%(default)s)")
    parser.add_argument("--films", type=int, default=len(PACES), help="of each (%(default)s)")
    given = parser.parse_args()
    stages = local_stages()
    rows, measuring = [], 0.0
    with TemporaryDirectory(prefix="remakes-") as folder:
        path = Path(folder) / "film.mp4"
        for phrase in chosen(given.only):
            for number in range(given.films):
                pace = PACES[number % len(PACES)]
                request = TurnRequest(phrase.id, script=phrase.text, language=phrase.language, seed=number, speed=pace)
                path.write_bytes(asyncio.run(film_of(stages, request)))
                begun = time.perf_counter()
                voice = FOLDER / f"{VOICES[phrase.language]}.wav"
                quality = measure(path, built_in_avatars()[DEFAULT_AVATAR], language=phrase.language, voice=voice)
                measuring += time.perf_counter() - begun
                rows.append({**film_row(quality, phrase.id, phrase.language), "round": number})
                print(phrase.id, number, f"{measuring:.1f} s of measuring so far", flush=True)
    found = strays(rows)
    for name, value in found.items():
        print(f"{name:<20} {value:.3g}")
    seconds = sum(row["film_seconds"] for row in rows)
    print(f"{measuring:.1f} s to measure {seconds:.1f} s of film")
    figures = {"strays": found, "films": rows, "film_seconds": seconds, "measuring_seconds": measuring}
    command = ["python", "-m", "benchmarks.quality.remakes", *sys.argv[1:]]
    print("written to", write_result("remakes", command, figures, measures=film_measures(rows)))


if __name__ == "__main__":
    main()
