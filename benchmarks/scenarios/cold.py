"""From the command to the first answer."""

from typing import Any

import httpx

from benchmarks.application import resident_bytes
from benchmarks.conversation import ask
from benchmarks.record import BYTES, SECONDS, Measure, measures_of
from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.scenarios.turn import questions_in_turn
from benchmarks.serve_cost import REPEATABLE


def run(bench: Bench) -> Outcome:
    """The application is started, asked a question at once, and the same again. `ready` is until every stage says that
    it is healthy; the weights are in the system's file cache from the second start on."""
    starts = int(bench.options["starts"])
    (question,) = questions_in_turn(1)
    rows: list[dict[str, Any]] = []
    for number in range(starts):
        with bench.application(REPEATABLE) as application:
            bench.tell(f"start {number + 1} of {starts}: ready after {application.ready_seconds:.1f} s")
            with httpx.Client(base_url=application.url, timeout=300) as client:
                first, again = ask(client, question), ask(client, question)
            row = {
                "ready_seconds": application.ready_seconds,
                "first_turn_first_fragment_seconds": first["first_fragment_seconds"],
                "second_turn_first_fragment_seconds": again["first_fragment_seconds"],
                "command_to_first_fragment_seconds": application.ready_seconds + first["first_fragment_seconds"],
                "resident": float(sum(resident_bytes(application.process_id).values())),
            }
        rows.append(row)
    names = {name: SECONDS for name in rows[0] if name.endswith("_seconds")}
    measures: list[Measure] = [*measures_of(rows, names), *measures_of(rows, {"resident": BYTES})]
    return Outcome(measures, {"rows": rows})
