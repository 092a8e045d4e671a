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
from benchmarks.scenarios.turn import LANGUAGES, questions_in_turn
from deployments.errors import AtCapacity, AvatarError

REFUSED, FAILED = "refused", "failed"


def levels(most: int) -> Iterator[int]:
    """1, 2, 4 ... and `most`."""
    people = 1
    while people < most:
        yield people
        people *= 2
    yield most


def run(bench: Bench) -> Outcome:
    """Ends after the first number of people of whom somebody is refused or not answered to the end, or at --most."""
    admitted, rounds = int(bench.options["admitted"]), int(bench.options["rounds"])
    changes: dict[str, Any] = {"coordinator": {"max_people": admitted}} if admitted else {}
    measures: list[Measure] = []
    figures: list[dict[str, Any]] = []
    served = in_time = 0
    with bench.application(changes) as application:
        bench.tell("warming up")
        for path in questions_in_turn(len(LANGUAGES)):
            _one(application.url, path)
        for people in levels(int(bench.options["most"])):
            found = [_round(application.url, people, number, bench, rounds) for number in range(rounds)]
            answered = [row for one in found for row in one["rows"]]
            if answered:
                group = {"speakers": people}
                measures += streamed_measures(answered, "question", group=group)
                measures += measures_of(found, {"media_seconds_per_second": SPEED}, "higher", group=group)
            lost = sum(one[why] for one in found for why in (REFUSED, FAILED))
            for why in (REFUSED, FAILED):
                share = sum(one[why] for one in found) / (people * rounds)
                measures.append(Measure(f"{why}_share", SHARE, (share,), "lower", {"speakers": people}))
            figures.append({"speakers": people, "rounds": found})
            if lost:
                break
            served = people
            in_time = people if not any(row["late_frames"] for row in answered) else in_time
    measures.append(Measure("speakers_answered", COUNT, (float(served),), "higher", exact=True))
    measures.append(Measure("speakers_without_late_frames", COUNT, (float(in_time),), "higher"))
    return Outcome(measures, {"levels": figures})


def _round(url: str, people: int, number: int, bench: Bench, rounds: int) -> dict[str, Any]:
    """One turn of each. Questions differ, so that nobody is answered from a cache."""
    start = time.perf_counter()
    rows = _together(url, questions_in_turn(people + number)[number:])
    seconds = time.perf_counter() - start
    answered = [row for row in rows if not {REFUSED, FAILED} & set(row)]
    refused, failed = (sum(why in row for row in rows) for why in (REFUSED, FAILED))
    media = sum(row["media_seconds"] for row in answered)
    late = sum(row["late_frames"] for row in answered)
    told = f"{late} late frames, {refused} refused, {failed} failed"
    bench.tell(f"{people} at once, round {number + 1} of {rounds}: {told}")
    return {
        "rows": answered,
        "refused": refused,
        "failed": failed,
        "failures": [row[FAILED] for row in rows if FAILED in row],
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
        except (AvatarError, httpx.HTTPError) as error:
            return {FAILED: repr(error)}
