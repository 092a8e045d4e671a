"""A reply of about 30 seconds: how much faster than real time it is made whole, and whether it stalls when streamed.

    python -m benchmarks.long_reply

The model is asked for a story and allowed to be long (persona and limits are changed for this run, nothing else).
Writes benchmarks/results/long_reply-*.json.
"""

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import httpx

from benchmarks.application import running_application
from benchmarks.arrivals import arrivals, stall_free_start, worst_lateness
from benchmarks.configuration import changed_configuration
from benchmarks.machine import write_result
from benchmarks.scenarios.playing import streamed_measures, streamed_row, whole_measures, whole_row
from serve_app.turn_report import report_in

STORYTELLER = {
    "llm": {
        "persona": "You are {name}, a storyteller on a video call. Reply in plain spoken {language} prose with at "
        "least eight full sentences, without lists or markdown.",
        "limits": {"max_tokens": 130, "max_sentences": 40, "max_characters": 2000, "reserve_tokens": 0},
        "sampling": {"seed": 7},
    }
}
REQUEST = {"text": "Tell me a long story about a lighthouse keeper and a whale.", "language": "en"}


def whole(client: httpx.Client, door: str = "/conversation", request: Mapping[str, str] = REQUEST) -> dict[str, Any]:
    start = time.perf_counter()
    answer = client.post(door, params={"format": "mp4"}, json=request)
    seconds = time.perf_counter() - start
    answer.raise_for_status()
    report = report_in(answer.content)
    assert report is not None, "the answer broke off"
    return {"seconds": seconds, "times_real_time": report.media_seconds / seconds, "turn": report.as_json()}


def streamed(client: httpx.Client, door: str = "/conversation", request: Mapping[str, str] = REQUEST) -> dict[str, Any]:
    start = time.perf_counter()
    received: list[bytes] = []
    with client.stream("POST", door, params={"format": "fmp4"}, json=request) as answer:
        answer.raise_for_status()
        chunks = (received.append(chunk) or chunk for chunk in answer.iter_raw())  # type: ignore[func-returns-value]
        found = [type(one)(one.at_seconds - start, one.frames, one.bytes) for one in arrivals(chunks)]
    report = report_in(b"".join(received))
    assert report is not None, "the answer broke off"
    return {
        "first_fragment_seconds": found[0].at_seconds,
        "stall_free_start_seconds": stall_free_start(found),
        "worst_lateness_seconds": worst_lateness(found),
        "arrivals": [[round(one.at_seconds, 4), one.frames, one.bytes] for one in found],
        "turn": report.as_json(),
    }


def main() -> None:
    figures: dict[str, Any] = {"whole": [], "streamed": []}
    with (
        changed_configuration(STORYTELLER) as config,
        running_application(config) as application,
        httpx.Client(base_url=application.url, timeout=300) as client,
    ):
        client.post("/conversation", params={"format": "mp4"}, json={"text": "Hello!", "language": "en"})
        for _ in range(3):
            figures["whole"].append(whole(client))
            figures["streamed"].append(streamed(client))
    print(json.dumps([{**run, "turn": run["turn"]["timings"]} for run in figures["whole"]], indent=2))
    for run in figures["streamed"]:
        late, filled = run["worst_lateness_seconds"], run["turn"]["filled_seconds"]
        print(f"streamed: worst lateness {late:.3f} s, silence filled in {filled:.2f} s")
    measures = [
        *whole_measures([whole_row(run["seconds"], run["turn"]) for run in figures["whole"]]),
        *streamed_measures([streamed_row(run) for run in figures["streamed"]]),
    ]
    print(write_result("long_reply", sys.argv, figures, measures=measures))


if __name__ == "__main__":
    main()
