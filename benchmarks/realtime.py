"""Spoken turns through the realtime socket, as a person in front of the page has them.

    python -m benchmarks.realtime                        # starts the application itself; 20 turns, 10 interruptions
    python -m benchmarks.realtime --url http://127.0.0.1:8000 --turns 3 --interruptions 0
    python -m benchmarks.realtime --idle-sockets 50      # and the same turns beside fifty idle sockets

The questions are streamed at the pace of a microphone, 20 ms at a time, and the room's quiet after them. Time zero is
the last voiced sample of the question as it is spoken, found in the recording itself; the figure is when the first
fragment with speech of the answer, and the picture that goes with it, is at the client. A player without a screen says
how far playback is and where it would have stalled. Writes benchmarks/results/realtime-*.json with every arrival.
"""

import argparse
import asyncio
import json
import math
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from typing import Any

from benchmarks.application import resident_bytes, running_application
from benchmarks.listener import Listener
from benchmarks.machine import write_result
from benchmarks.record import COUNT, SECONDS, Measure, measures_of
from benchmarks.sound import recording
from benchmarks.spoken_turn import RATE_HZ, ask, interrupt, of_language, person
from benchmarks.spread import percentile
from serve_app.client import AsyncAvatarClient

LANGUAGES = ("en", "es", "zh")
TARGETS = {
    "median_seconds": 2.0,
    "p95_seconds": 3.5,
    "share_without_stall": 0.95,
    "started_to_last_media_seconds": 0.25,
}


async def measure(url: str, options: argparse.Namespace) -> dict[str, Any]:
    """All that the options ask for."""
    rows: list[dict[str, Any]] = []
    beside: list[dict[str, Any]] = []
    cut: list[dict[str, Any]] = []
    idle_messages = 0
    for number, language in enumerate(LANGUAGES):
        turns = share(options.turns, number)
        if turns:
            rows += await conversation(url, language, turns, options.detect_language)
        if turns and options.idle_sockets:
            async with idle_sockets(url, options.idle_sockets) as listeners:
                beside += await conversation(url, language, turns, options.detect_language)
                idle_messages += sum(listener.messages for listener in listeners)
        if share(options.interruptions, number):
            cut += await interruptions(url, language, share(options.interruptions, number))
    figures: dict[str, Any] = {"language": "found out" if options.detect_language else "told", "targets": TARGETS}
    if rows:
        figures["turns"] = summary(rows)
    if cut:
        figures["interruptions"] = summary_of_interruptions(cut)
    if beside:
        figures["beside_idle_sockets"] = {"sockets": options.idle_sockets, "messages": idle_messages, **summary(beside)}
        medians = [figures[name]["median_seconds"] for name in ("turns", "beside_idle_sockets")]
        figures["idle_sockets_change_median_by"] = medians[1] / medians[0] - 1
    return figures | {"rows": rows, "rows_beside_idle_sockets": beside, "rows_of_interruptions": cut}


def share(total: int, number: int) -> int:
    """How many of `total` the language of this number gets."""
    return total // len(LANGUAGES) + (number < total % len(LANGUAGES))


async def conversation(url: str, language: str, turns: int, detect: bool) -> list[dict[str, Any]]:
    """So many warm turns; one before them is not counted."""
    rows = []
    questions = of_language(language)
    async with person(url, None if detect else language) as somebody:
        await ask(somebody, questions[0])
        for number in range(turns):
            question = questions[number % len(questions)]
            try:
                row = await ask(somebody, question)
            except (RuntimeError, TimeoutError) as error:
                rows.append({"question": question.name, "failure": str(error)})
                print(f"{question.name:12s} FAILED: {error}", flush=True)
                continue
            rows.append(row)
            print(
                f"{row['question']:12s} first speech {row['first_speech_seconds']:.2f} s, of which silence "
                f"{row['end_of_speech_silence_seconds']:.2f} s; {len(row['stalls'])} stalls, filled "
                f"{row['filled_seconds']:.2f} of {row['media_seconds']:.1f} s",
                flush=True,
            )
    return rows


async def interruptions(url: str, language: str, count: int) -> list[dict[str, Any]]:
    """Each interrupts the answer to the one before."""
    rows = []
    questions = of_language(language)
    async with person(url, language) as somebody:
        await ask(somebody, questions[0])
        somebody.listener.forget()
        somebody.microphone.say(recording(questions[-1], RATE_HZ))
        for number in range(count):
            row = await interrupt(somebody, questions[number % len(questions)])
            rows.append(row)
            print(
                f"{row['question']:12s} heard after {row['speech_to_started_seconds']:.2f} s, last media "
                f"{row['started_to_last_media_seconds']:.3f} s after that",
                flush=True,
            )
    return rows


@asynccontextmanager
async def idle_sockets(url: str, count: int) -> AsyncIterator[list[Listener]]:
    """Open conversations in which nothing is said. Their listeners count what the server sends unasked."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncAvatarClient(url))
        talks = [await stack.enter_async_context(client.realtime(video=True)) for _ in range(count)]
        listeners = [Listener(talk) for talk in talks]
        tasks = [asyncio.create_task(listener.run()) for listener in listeners]
        await asyncio.sleep(1)
        for listener in listeners:
            listener.messages = 0
        yield listeners
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    failures = [row for row in rows if "failure" in row]
    rows = [row for row in rows if "failure" not in row]
    if not rows:
        return {"count": 0, "failures": len(failures), "median_seconds": math.nan, "met": {}}
    first = [row["first_speech_seconds"] for row in rows]
    without_stall = sum(not row["stalls"] for row in rows)
    figures = {
        "count": len(rows),
        "failures": len(failures),
        "median_seconds": median(first),
        "p95_seconds": percentile(first, 0.95),
        "worst_seconds": max(first),
        "median_end_of_speech_silence_seconds": median(row["end_of_speech_silence_seconds"] for row in rows),
        "median_after_silence_seconds": median(row["after_silence_seconds"] for row in rows),
        "turns_without_stall": without_stall,
        "share_without_stall": without_stall / len(rows),
        "median_filled_seconds": median(row["filled_seconds"] for row in rows),
        "worst_filled_seconds": max(row["filled_seconds"] for row in rows),
        "median_media_seconds": median(row["media_seconds"] for row in rows),
    }
    met = {
        "median": figures["median_seconds"] <= TARGETS["median_seconds"],
        "p95": figures["p95_seconds"] <= TARGETS["p95_seconds"],
        "stalls": figures["share_without_stall"] >= TARGETS["share_without_stall"],
        "no_failures": not failures,
    }
    return figures | {"met": met}


def summary_of_interruptions(rows: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("speech_to_started_seconds", "started_to_last_media_seconds", "speech_to_last_media_seconds")
    figures: dict[str, Any] = {
        name: {"median": median(row[name] for row in rows), "worst": max(row[name] for row in rows)} for name in names
    }
    worst = figures["started_to_last_media_seconds"]["worst"]
    return {
        "count": len(rows),
        "while_being_made": sum(row["being_made"] for row in rows),
        "media_after_the_end": sum(row["media_after_the_end"] for row in rows),
        **figures,
        "met": worst <= TARGETS["started_to_last_media_seconds"],
    }


def measures_in(figures: dict[str, Any]) -> list[Measure]:
    """Of the turns, of those beside idle sockets, and of the interruptions."""
    names = ("first_speech_seconds", "end_of_speech_silence_seconds", "after_silence_seconds", "filled_seconds")
    found: list[Measure] = []
    for rows, beside in (("rows", "nobody"), ("rows_beside_idle_sockets", "idle sockets")):
        good = [row | {"stalls": len(row["stalls"])} for row in figures[rows] if "failure" not in row]
        group = {"beside": beside}
        found += measures_of(good, dict.fromkeys(names, SECONDS) | {"stalls": COUNT}, "lower", "question", group)
    cut = ("speech_to_started_seconds", "started_to_last_media_seconds", "speech_to_last_media_seconds")
    return found + measures_of(figures["rows_of_interruptions"], dict.fromkeys(cut, SECONDS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running application; without it one is started")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--interruptions", type=int, default=10)
    parser.add_argument("--idle-sockets", type=int, default=0, help="measure all turns again beside so many")
    parser.add_argument("--detect-language", action="store_true", help="let the server find out, turn by turn")
    options = parser.parse_args()
    if options.url:
        figures = asyncio.run(measure(options.url, options))
    else:
        with running_application() as application:
            figures = asyncio.run(measure(application.url, options))
            figures["ready_seconds"] = application.ready_seconds
            figures["resident_bytes_total"] = sum(resident_bytes(application.process_id).values())
    shown = {name: value for name, value in figures.items() if not name.startswith("rows")}
    print(json.dumps(shown, indent=2))
    print(write_result("realtime", sys.argv, figures, measures=measures_in(figures), arguments=vars(options)))


if __name__ == "__main__":
    main()
