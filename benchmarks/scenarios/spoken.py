"""Spoken turns and interruptions over the realtime socket, as a person in front of the page has them."""

import argparse
import asyncio
import contextlib
import io
from typing import Any

from benchmarks import realtime
from benchmarks.record import COUNT, Measure
from benchmarks.scenarios.contracts import Bench, Outcome


def run(bench: Bench) -> Outcome:
    """Time zero is the last voiced sample of the question. Failed turns are counted, not measured."""
    turns, interruptions = int(bench.options["turns"]), int(bench.options["interruptions"])
    with bench.application() as application:
        figures = turns_told(bench, application.url, turns, interruptions=interruptions)
    measures = realtime.measures_in(figures)
    failures = tuple(float("failure" in row) for row in figures["rows"])
    if failures:
        measures.append(Measure("failed", COUNT, failures, exact=True))
    return Outcome(measures, figures)


def turns_told(bench: Bench, url: str, turns: int, interruptions: int = 0, idle_sockets: int = 0) -> dict[str, Any]:
    """`benchmarks.realtime.measure`, which prints what it does: told as progress."""
    asked = argparse.Namespace(
        turns=turns, interruptions=interruptions, idle_sockets=idle_sockets, detect_language=False
    )
    with contextlib.redirect_stdout(_Told(bench)):
        return asyncio.run(realtime.measure(url, asked))


class _Told(io.TextIOBase):
    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def write(self, text: str) -> int:
        if text.strip():
            self._bench.tell(" ".join(text.split()))
        return len(text)
