"""A single turn by stage: warm, one after the other, nobody else there."""

import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.conversation import QUESTIONS, ask
from benchmarks.record import SECONDS, measures_of
from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.scenarios.enrolling import enrolments
from benchmarks.scenarios.playing import streamed_measures, streamed_row, whole_measures, whole_row
from benchmarks.serve_cost import REPEATABLE
from serve_app.client import AvatarClient

LANGUAGES = ("en", "es", "zh")


def run(bench: Bench) -> Outcome:
    """Streamed turns as a person's player has them, whole ones as fast as they go, and enrolments. Replies are made
    repeatable where the application is started here."""
    with bench.application(REPEATABLE) as application, AvatarClient(application.url, timeout_seconds=120) as client:
        enrolled = enrolments(client, bench, int(bench.options["enrolments"]))
        with httpx.Client(base_url=application.url, timeout=120) as http:
            streamed = _streamed(http, bench, int(bench.options["turns"]))
        enrolment = median(row["avatar_enrolment_seconds"] for row in enrolled) if enrolled else None
        whole = _whole(client, bench, int(bench.options["whole"]), enrolment)
    names = {"avatar_enrolment_seconds": SECONDS, "voice_enrolment_seconds": SECONDS}
    measures = [
        *measures_of(enrolled, names),
        *streamed_measures(streamed, "question"),
        *whole_measures(whole, "question"),
    ]
    return Outcome(measures, {"streamed": streamed, "whole": whole, "enrolments": enrolled})


def questions_in_turn(count: int) -> list[Path]:
    """So many sample questions, the languages in turn."""
    paths = sorted(QUESTIONS.glob("*.wav"))
    by_language = [[path for path in paths if path.name.startswith(language)] for language in LANGUAGES]
    return [by_language[number % 3][number // 3 % len(by_language[number % 3])] for number in range(count)]


def _streamed(http: httpx.Client, bench: Bench, count: int) -> list[dict[str, Any]]:
    if not count:
        return []
    for path in questions_in_turn(len(LANGUAGES)):
        bench.tell("warming up")
        ask(http, path)
    rows = []
    for number, path in enumerate(questions_in_turn(count)):
        rows.append(streamed_row(ask(http, path)))
        first = rows[-1]["first_fragment_seconds"]
        bench.tell(f"streamed turn {number + 1} of {count}: {path.stem}, first picture after {first:.2f} s")
    return rows


def _whole(client: AvatarClient, bench: Bench, count: int, enrolment: float | None) -> list[dict[str, Any]]:
    rows = []
    for number, path in enumerate(questions_in_turn(count)):
        start = time.perf_counter()
        film = client.talk(path)
        row = whole_row(time.perf_counter() - start, film.report.as_json(), enrolment)
        rows.append({"question": path.name, **row, "turn": film.report.as_json()})
        bench.tell(f"whole turn {number + 1} of {count}: {path.stem}, {row['real_time_factor']:.2f} of real time")
    return rows
