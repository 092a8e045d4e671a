"""Whether memory stays flat over a long conversation: turn after turn, now and then an interruption.

    python -m benchmarks.realtime_memory               # starts the application itself; 30 minutes
    python -m benchmarks.realtime_memory --minutes 5

Resident memory (PSS: shared pages are split among their users) of every process of the application and of this client
is noted every 30 seconds. After a warm-up, in which caches fill and allocators find their size, the last third is
compared with the first. Writes benchmarks/results/realtime_memory-*.json with every sample.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from benchmarks.application import resident_bytes, running_application
from benchmarks.machine import write_result
from benchmarks.realtime import LANGUAGES
from benchmarks.record import BYTES, Measure
from benchmarks.sound import recording
from benchmarks.spoken_turn import RATE_HZ, Person, ask, interrupt, of_language, person
from serve_app.samples.catalogue import Question

WARM_UP_SHARE = 0.15
"""Of the samples: caches fill and allocators find their size meanwhile."""
FLAT_SHARE = 0.05
"""A total that grows by less than this from the first third to the last counts as flat."""
INTERRUPT_EACH = 4
"""Every fourth turn is interrupted."""

Sizes = Mapping[str, int]


def by_kind(sizes: Sizes) -> dict[str, int]:
    """Bytes of each kind of process: a deployment's replicas together, Ray's daemons by their program."""
    kinds: dict[str, int] = {}
    for name, size in sizes.items():
        kind = kind_of(name.partition(" ")[2])
        kinds[kind] = kinds.get(kind, 0) + size
    return kinds


def kind_of(command: str) -> str:
    """ray::ServeReplica:avatar:TTS → TTS, ray::ProxyActor.some_method → ProxyActor; for others the program's or
    script's name."""
    replica = re.search(r"ServeReplica:[^:]*:(\w+)", command)
    if replica:
        return replica.group(1)
    if command.startswith("ray::"):
        return command.removeprefix("ray::").split()[0].split(":")[0].split(".")[0]
    if command.startswith("ray-dashboard"):
        return "dashboard.py"  # its subprocesses
    parts = [part for part in command.split() if not part.startswith("-")] or ["unknown"]
    script = parts[1] if "python" in parts[0] and len(parts) > 1 else parts[0]
    return os.path.basename(script)


async def sample(process_id: int, samples: list[dict[str, Any]], start: float, every_seconds: float) -> None:
    """Adds a sample now and then; never returns."""
    while True:
        sizes = await asyncio.to_thread(resident_bytes, process_id)
        own = await asyncio.to_thread(resident_bytes, os.getpid())
        mine = sum(size for name, size in own.items() if name.startswith(f"{os.getpid()} "))
        kinds = by_kind(sizes)
        samples.append({"minutes": (time.perf_counter() - start) / 60, "kinds": kinds, "client": mine})
        total = sum(kinds.values())
        print(f"{samples[-1]['minutes']:5.1f} min  {total / 2**20:7.1f} MiB  client {mine / 2**20:.1f}", flush=True)
        await asyncio.sleep(every_seconds)


async def talk_on(somebody: Person, until: float, counts: dict[str, int], language: str) -> None:
    """Turns in one conversation until the clock says so."""
    questions = of_language(language)
    while time.perf_counter() < until:
        counts["turns"] += 1
        try:
            await one_turn(somebody, questions, counts)
        except (RuntimeError, TimeoutError) as error:
            counts["failures"] += 1
            print(f"turn {counts['turns']}: {error}", flush=True)


async def one_turn(somebody: Person, questions: list[Question], counts: dict[str, int]) -> None:
    """Raises RuntimeError and TimeoutError where it comes to no good end."""
    question, other = (questions[(counts["turns"] + offset) % len(questions)] for offset in range(2))
    if counts["turns"] % INTERRUPT_EACH:
        await ask(somebody, question)
        return
    listener = somebody.listener
    listener.forget()
    somebody.microphone.say(recording(question, RATE_HZ))
    await interrupt(somebody, other)
    counts["interruptions"] += 1
    await listener.wait(lambda: listener.answers[-1].done is not None, 90, "the answer")
    await somebody.talk.played_out()


async def converse(url: str, process_id: int, minutes: float, every_seconds: float) -> dict[str, Any]:
    """The conversation, with its samples."""
    samples: list[dict[str, Any]] = []
    counts = {"turns": 0, "interruptions": 0, "failures": 0}
    start = time.perf_counter()
    sampler = asyncio.create_task(sample(process_id, samples, start, every_seconds))
    try:
        # one conversation for the whole time, in the language that the speech is in
        async with person(url, None) as somebody:
            while time.perf_counter() - start < minutes * 60:
                for language in LANGUAGES:
                    until = min(time.perf_counter() + 60, start + minutes * 60)
                    await talk_on(somebody, until, counts, language)
    finally:
        sampler.cancel()
    kinds = sorted({kind for one in samples for kind in one["kinds"]})
    series = {kind: [(one["minutes"], one["kinds"].get(kind, 0)) for one in samples] for kind in kinds}
    series["total"] = [(one["minutes"], sum(one["kinds"].values())) for one in samples]
    series["client"] = [(one["minutes"], one["client"]) for one in samples]
    figures = {kind: trend(points) for kind, points in series.items()}
    return {"minutes": minutes, **counts, "trends": figures, "flat": figures["total"]["flat"], "samples": samples}


def thirds(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Of (minutes, value): the medians of the first and the last third after the warm-up. Raises ValueError without
    points."""
    warm = points[round(len(points) * WARM_UP_SHARE) :]
    third = max(1, len(warm) // 3)
    return median(value for _, value in warm[:third]), median(value for _, value in warm[-third:])


def trend(points: Sequence[tuple[float, int]]) -> dict[str, Any]:
    """How a size goes with time: slope in bytes a minute (least squares), first and last third after the warm-up."""
    warm = points[round(len(points) * WARM_UP_SHARE) :]
    first, last = thirds(points)
    times = np.array([minutes for minutes, _ in warm])
    sizes = np.array([size for _, size in warm], np.float64)
    slope = float(np.polyfit(times, sizes, 1)[0]) if len(warm) > 2 else 0.0
    return {
        "first_third_bytes": first,
        "last_third_bytes": last,
        "change": last / first - 1 if first else 0.0,
        "bytes_a_minute": slope,
        "flat": last <= first * (1 + FLAT_SHARE),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every-seconds", type=float, default=30)
    options = parser.parse_args()
    with running_application() as application:
        figures = asyncio.run(converse(application.url, application.process_id, options.minutes, options.every_seconds))
    print(json.dumps({name: value for name, value in figures.items() if name != "samples"}, indent=2))
    samples = tuple(float(sum(one["kinds"].values())) for one in figures["samples"])
    measures = [Measure("resident", BYTES, samples)] if samples else []
    print(write_result("realtime_memory", sys.argv, figures, measures=measures, arguments=vars(options)))


if __name__ == "__main__":
    main()
