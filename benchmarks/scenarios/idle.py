"""What open sockets cost in which nobody speaks."""

import asyncio
import os
from typing import Any

from benchmarks import realtime
from benchmarks.application import resident_bytes
from benchmarks.record import BYTES, COUNT, SECONDS, Measure, measures_of
from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.scenarios.spoken import turns_told

NAMES = ("first_speech_seconds", "after_silence_seconds", "end_of_speech_silence_seconds", "filled_seconds")


def run(bench: Bench) -> Outcome:
    """Spoken turns over the realtime socket without and beside the idle ones, and memory of one socket."""
    turns, sockets = int(bench.options["turns"]), int(bench.options["sockets"])
    with bench.application() as application:
        bench.tell(f"{turns} spoken turns, and again beside {sockets} idle sockets")
        figures = turns_told(bench, application.url, turns, idle_sockets=sockets)
        grown = (
            asyncio.run(_grown(application.url, application.process_id, sockets)) if application.process_id else None
        )
    measures: list[Measure] = []
    for rows, idle in ((figures["rows"], 0), (figures["rows_beside_idle_sockets"], sockets)):
        good = [row for row in rows if "failure" not in row]
        names = dict.fromkeys(NAMES, SECONDS)
        measures += measures_of(good, names, "lower", "question", group={"idle_sockets": idle})
        failures = tuple(float("failure" in row) for row in rows)
        if failures:
            measures.append(Measure("failed", COUNT, failures, "lower", {"idle_sockets": idle}, exact=True))
    if grown is not None:
        measures.append(Measure("memory_of_a_socket", BYTES, (grown / sockets,), "lower"))
    if "beside_idle_sockets" in figures:
        messages = float(figures["beside_idle_sockets"]["messages"])
        measures.append(Measure("messages_to_idle_sockets", COUNT, (messages,), "lower", exact=True))
    return Outcome(measures, figures)


async def _grown(url: str, process_id: int, sockets: int) -> int:
    """By how many bytes the application grows for that many sockets."""

    async def size() -> int:
        found: dict[str, Any] = await asyncio.to_thread(resident_bytes, process_id)
        own = f"{os.getpid()} "
        return sum(value for name, value in found.items() if not name.startswith(own))

    before = await size()
    async with realtime.idle_sockets(url, sockets):
        return await size() - before
