"""What Ray Serve costs: the same turns over its handles, and through the same engines in one process."""

import asyncio
from pathlib import Path
from typing import Any

from benchmarks.scenarios.contracts import Bench, Outcome
from benchmarks.scenarios.turn import questions_in_turn
from benchmarks.serve_cost import REPEATABLE, local_stages, local_turn, measured, served_turns
from serve_app.local_stages import LocalStages


def run(bench: Bench) -> Outcome:
    """Replies are repeatable, turns unpaced and whole. In one process the engines share one interpreter lock; over
    Serve they do not, so the difference can be negative."""
    rounds = int(bench.options["rounds"])
    questions = list(dict.fromkeys(questions_in_turn(int(bench.options["questions"]))))
    with bench.application(REPEATABLE) as application:
        bench.tell(f"over Serve: {rounds * len(questions)} turns")
        over = served_turns(application.url, questions, rounds)
    bench.tell(f"in one process: {rounds * len(questions)} turns")
    here = in_one_process(local_stages(bench.config), questions, rounds)
    return Outcome(measured(over, here), {"over_serve": over, "in_one_process": here})


def in_one_process(stages: LocalStages, questions: list[Path], rounds: int) -> list[dict[str, Any]]:
    """After one turn that warms up."""
    return [asyncio.run(local_turn(stages, path)) for path in [questions[0], *questions * rounds]][1:]
