"""People who are answered at the same time, more and more, until somebody is refused."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from benchmarks.conversation import ask
from benchmarks.record import COUNT, SHARE, SPEED, Measure, measures_of
from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.scenarios.playing import streamed_measures, streamed_row
from benchmarks.scenarios.turn import questions_in_turn
from deployments.errors import AtCapacity

REFUSED = "refused"


def levels(most: int) -> Iterator[int]:
    """1, 2, 4 ... and `most`."""
    people = 1
    while people < most:
        yield people
        people *= 2
    yield most


def run(bench: Bench) -> Outcome:
    """Ends after the first number of people of whom somebody is refused, or at --most."""
    admitted, rounds = int(bench.options["admitted"]), int(bench.options["rounds"])
    changes: dict[str, Any] = {"coordinator": {"max_people": admitted}} if admitted else {}
    measures: list[Measure] = []
    figures: list[dict[str, Any]] = []
    served = in_time = 0
    with bench.application(changes) as application:
        bench.tell("warming up")
        _together(application.url, questions_in_turn(1))
        for people in levels(int(bench.options["most"])):
            found = [_round(application.url, people, number, bench, rounds) for number in range(rounds)]
            answered = [row for one in found for row in one["rows"]]
            refusals = sum(one["refused"] for one in found)
            if answered:
                measures += streamed_measures(answered, "question", group={"speakers": people})
                measures += measures_of(
                    found, {"media_seconds_per_second": SPEED}, "higher", group={"speakers": people}
                )
            measures.append(_share("refused_share", refusals, people * rounds, people))
            figures.append({"speakers": people, "rounds": found})
            if refusals:
                break
            served = people
            in_time = people if not any(row["late_frames"] for row in answered) else in_time
    measures.append(Measure("speakers_answered", COUNT, (float(served),), "higher", exact=True))
    measures.append(Measure("speakers_without_late_frames", COUNT, (float(in_time),), "higher"))
    return Outcome(measures, {"levels": figures})


def _share(name: str, count: int, total: int, people: int) -> Measure:
    return Measure(name, SHARE, (count / total,), "lower", {"speakers": people})


def _round(url: str, people: int, number: int, bench: Bench, rounds: int) -> dict[str, Any]:
    """One turn of each. Questions differ, so that nobody is answered from a cache."""
    start = time.perf_counter()
    rows = _together(url, questions_in_turn(people + number)[number:])
    seconds = time.perf_counter() - start
    answered = [row for row in rows if REFUSED not in row]
    media = sum(row["media_seconds"] for row in answered)
    late = sum(row["late_frames"] for row in answered)
    refused = len(rows) - len(answered)
    bench.tell(f"{people} at once, round {number + 1} of {rounds}: {late} late frames, {refused} refused")
    return {
        "rows": answered,
        "refused": refused,
        "seconds": seconds,
        "media_seconds_per_second": media / seconds if media else None,
    }


def _together(url: str, paths: list[Path]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(len(paths)) as threads:
        return list(threads.map(lambda path: _one(url, path), paths))


def _one(url: str, path: Path) -> dict[str, Any]:
    with httpx.Client(base_url=url, timeout=300) as client:
        try:
            return streamed_row(ask(client, path))
        except AtCapacity as error:
            return {REFUSED: error.message}
