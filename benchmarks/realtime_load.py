"""Many conversations at once with everything that goes wrong: hang-ups, interruptions, lost lines, dying replicas.

    python -m benchmarks.realtime_load --turns 20 --people 4 --jobs 2 --kill TTS Video

Starts the application itself. Visitors talk in conversations with a word of their own, each turn with a fate that
chance draws from a seed: listened to, interrupted, hung up on, broken off and resumed, or followed by a goodbye. Others
order videos. Meanwhile replicas are killed. In the end nothing may be stuck, nobody may have seen another's word,
nothing said may be forgotten, and every ordered video must be there. Writes benchmarks/results/realtime_load-*.json.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.application import running_application
from benchmarks.job_orders import Customer, Orders
from benchmarks.machine import write_result
from benchmarks.own_words import Vocabulary
from benchmarks.record import COUNT, Measure
from benchmarks.replicas import kill_now_and_then
from benchmarks.visitor import Tally, Visitor


@dataclass(frozen=True, slots=True)
class Plan:
    """`people` talk at once. `kill` names the deployments whose replicas die, one each `kill_seconds`, among the
    descendants of `process_id`. `echoes`: replies repeat the question. A turn may take `patience_seconds`."""

    turns: int = 200
    people: int = 12
    jobs: int = 10
    seed: int = 1
    kill: Sequence[str] = ()
    kill_seconds: float = 5.0
    process_id: int = 0
    echoes: bool = False
    patience_seconds: float = 60.0
    collect_seconds: float = 300.0


@dataclass(slots=True)
class Outcome:
    """What happened. `wrong` names everything that must not have."""

    seconds: float
    tally: Tally
    orders: Orders
    killed: Counter[str] = field(default_factory=Counter)

    @property
    def wrong(self) -> list[str]:
        tally = self.tally
        return [*tally.stuck, *tally.foreign, *tally.forgotten, *self.orders.wrong]


async def drive(urls: Sequence[str], plan: Plan, words: Vocabulary) -> Outcome:
    """Runs the plan against gateways that share one Coordinator, and waits for the jobs. Raises TimeoutError where a
    job does not end."""
    start = time.perf_counter()
    tally, killed = Tally(), Counter[str]()
    left = iter(range(plan.turns))

    def more_turns() -> bool:
        return next(left, None) is not None

    def chance(name: object) -> random.Random:
        return random.Random(f"{plan.seed} {name}")

    customer = Customer(urls[0], words, chance("jobs"))
    visitors = [
        Visitor(urls, chance(number), words, tally, more_turns, plan.patience_seconds, plan.echoes)
        for number in range(plan.people)
    ]
    killer = asyncio.create_task(
        kill_now_and_then(
            plan.process_id, plan.kill, plan.kill_seconds, chance("kill"), lambda name: killed.update([name])
        )
        if plan.kill
        else asyncio.sleep(0)
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(customer.order(plan.jobs, seconds=plan.turns * 0.1))
            for visitor in visitors:
                tasks.create_task(visitor.run())
    finally:
        killer.cancel()
        await asyncio.gather(killer, return_exceptions=True)
    await customer.collect(plan.collect_seconds)
    return Outcome(time.perf_counter() - start, tally, customer.orders, killed)


def figures_of(outcome: Outcome) -> dict[str, Any]:
    """As JSON."""
    tally, orders = outcome.tally, asdict(outcome.orders) | {"deleted": sorted(outcome.orders.deleted)}
    return {
        "seconds": outcome.seconds,
        "killed": dict(outcome.killed),
        "wrong": outcome.wrong,
        # asdict would count the counters' entries once more
        **{name: dict(getattr(tally, name)) for name in ("fates", "endings", "troubles")},
        "resumed": tally.resumed,
        "orders": orders,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=40)
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill", nargs="*", default=[], help="deployments whose replicas die, such as TTS Video")
    parser.add_argument("--kill-seconds", type=float, default=30)
    options = parser.parse_args()
    with running_application() as application:
        plan = Plan(**vars(options), process_id=application.process_id, patience_seconds=180, collect_seconds=900)
        outcome = asyncio.run(drive([application.url], plan, Vocabulary()))
    print(json.dumps(figures_of(outcome), indent=2))
    measures = [Measure("wrong", COUNT, (float(len(outcome.wrong)),), exact=True)]
    print(write_result("realtime_load", sys.argv, figures_of(outcome), measures=measures, arguments=vars(options)))
    sys.exit(1 if outcome.wrong else 0)


if __name__ == "__main__":
    main()
