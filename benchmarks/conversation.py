"""Warm turns through POST /conversation, as a person's player sees them.

    python -m benchmarks.conversation            # starts the application itself
    python -m benchmarks.conversation --url http://127.0.0.1:8000

Time zero is when the question has been fully sent. Writes benchmarks/results/conversation-*.json: every arrival of
every turn, and from them the first fragment, the earliest start of playback that never stalls, and how much silence
the gateway filled in between clauses because speech had run dry.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.application import resident_bytes, running_application
from benchmarks.arrivals import arrivals, stall_free_start, worst_lateness
from benchmarks.machine import write_result
from benchmarks.scenarios.playing import streamed_measures, streamed_row
from serve_app.client.failures import broken_off, failure_of
from serve_app.turn_report import report_in

QUESTIONS = Path(__file__).resolve().parent.parent / "serve_app" / "samples" / "questions"


def ask(client: httpx.Client, question: Path, form: str = "fmp4") -> dict[str, Any]:
    """One turn. Times in seconds from when the question was fully sent. Raises AvatarError: AtCapacity where the server
    answers nobody more."""
    body = question.read_bytes()
    sent: list[float] = []

    def upload() -> Iterator[bytes]:
        yield body
        sent.append(time.perf_counter())

    headers = {"Content-Type": "audio/wav", "Content-Length": str(len(body))}
    with client.stream("POST", "/conversation", params={"format": form}, content=upload(), headers=headers) as answer:
        if answer.status_code != 200:
            raise failure_of(answer.status_code, answer.read(), answer.headers)
        received: list[bytes] = []
        found = list(arrivals(kept(answer.iter_raw(), received)))
    start = sent[0]
    relative = [type(arrival)(arrival.at_seconds - start, arrival.frames, arrival.bytes) for arrival in found]
    report = report_in(b"".join(received))
    if report is None:
        raise broken_off()
    return {
        "question": question.name,
        "first_fragment_seconds": relative[0].at_seconds,
        "stall_free_start_seconds": stall_free_start(relative),
        "worst_lateness_seconds": worst_lateness(relative),
        "media_seconds": sum(arrival.frames for arrival in relative) / 25,
        "arrivals": [[round(arrival.at_seconds, 4), arrival.frames, arrival.bytes] for arrival in relative],
        "turn": report.as_json(),
    }


def kept(chunks: Iterator[bytes], received: list[bytes]) -> Iterator[bytes]:
    """The chunks, each also added to `received`."""
    for chunk in chunks:
        received.append(chunk)
        yield chunk


def measure(url: str, turns: int) -> dict[str, Any]:
    questions = sorted(QUESTIONS.glob("*.wav"))
    by_language = [[path for path in questions if path.name.startswith(language)] for language in ("en", "es", "zh")]
    with httpx.Client(base_url=url, timeout=120) as client:
        for paths in by_language:
            ask(client, paths[0])
        rows = []
        for number in range(turns):
            paths = by_language[number % 3]
            row = ask(client, paths[(number // 3) % len(paths)])
            rows.append(row)
            print(
                f"{row['question']:16s} first {row['first_fragment_seconds']:.2f} s, "
                f"stall-free {row['stall_free_start_seconds']:.2f} s, {row['media_seconds']:.1f} s long, "
                f"filled {row['turn']['filled_seconds']:.2f} s",
                flush=True,
            )
    summary = {
        key: median(row[key] for row in rows)
        for key in ("first_fragment_seconds", "stall_free_start_seconds", "worst_lateness_seconds", "media_seconds")
    }
    summary["filled_seconds"] = median(row["turn"]["filled_seconds"] for row in rows)
    return {"median": summary, "turns": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="a running application; without it one is started")
    parser.add_argument("--turns", type=int, default=10)
    options = parser.parse_args()
    if options.url:
        figures = measure(options.url, options.turns)
    else:
        with running_application() as application:
            figures = measure(application.url, options.turns)
            figures["ready_seconds"] = application.ready_seconds
            figures["resident_bytes"] = resident_bytes(application.process_id)
            figures["resident_bytes_total"] = sum(figures["resident_bytes"].values())
    print(json.dumps({key: value for key, value in figures.items() if key != "turns"}, indent=2))
    measures = streamed_measures([streamed_row(row) for row in figures["turns"]], "question")
    print(write_result("conversation", sys.argv, figures, measures=measures, arguments=vars(options)))


if __name__ == "__main__":
    main()
