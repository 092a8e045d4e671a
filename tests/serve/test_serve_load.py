"""Two hundred turns at once with all that goes wrong, on a local cluster over fake engines: nothing is left behind."""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ray import serve

from benchmarks.own_words import Vocabulary
from benchmarks.realtime_load import Outcome, Plan, drive, figures_of
from serve_app.coordinator.contracts import Load
from serve_app.jobs.content import KINDS
from tests.fakes.tone_words import tone_of
from tests.serve.conftest import Cluster

PLAN = Plan(
    turns=215,  # a few are lost on connections that are refused
    people=10,
    jobs=8,
    seed=1,
    kill=("TTS", "Gateway", "Video", "Coordinator", "LLM", "ASR"),
    kill_seconds=7.0,
    process_id=os.getpid(),
    echoes=True,
    patience_seconds=45,
    collect_seconds=90,
)
CHANGES: dict[str, Any] = {
    "import_path": "tests.serve.load_app:build_app",
    "args": {
        "coordinator": {"max_people": 8, "max_waiting": 16, "grace_seconds": 30, "beat_seconds": 0.5},
        "jobs": {
            "poll_seconds": 0.3,
            "retry_seconds": 0.5,
            "lease_seconds": 3.0,
            "beside_people": 8,
            "sweep_seconds": 5,
        },
    },
    "Gateway": {"autoscaling_config": {"min_replicas": 2, "max_replicas": 2, "target_ongoing_requests": 32}},
    "LLM": {"max_ongoing_requests": 16, "max_queued_requests": 32},
    "TTS": {"max_ongoing_requests": 16, "max_queued_requests": 32},
    "Video": {"max_ongoing_requests": 16, "max_queued_requests": 64},
}


@pytest.mark.timeout(300)
def test_nothing_is_left_behind_and_nobody_hears_another(cluster: Cluster) -> None:
    config = cluster.deploy(**CHANGES)
    cluster.wait_until_healthy()
    args = config["applications"][0]["args"]
    before = asyncio.run(census())
    files = kept_files(args)
    outcome = asyncio.run(drive([cluster.url], PLAN, Vocabulary(tone_of)))
    print(json.dumps(figures_of(outcome)))
    cluster.wait_until_healthy()
    assert outcome.wrong == [], figures_of(outcome)
    check_that_it_was_a_trial(outcome)
    eventually(lambda: asyncio.run(load()), lambda now: (now.answered, now.waiting) == (0, 0))
    eventually(lambda: asyncio.run(busy()), lambda now: now == 0)
    eventually(lambda: asyncio.run(census()), lambda now: grown(before, now) == {})
    ordered = set(outcome.orders.ordered) - outcome.orders.deleted
    assert outcome.orders.completed == len(ordered) == rows(args, "jobs")
    eventually(lambda: kept_files(args) - files, lambda now: len(now) <= len(ordered), seconds=20)
    # the grace period of those who were here last, and a sweep each twenty seconds
    eventually(lambda: rows(args, "sessions"), lambda now: now == 0, seconds=70)


def check_that_it_was_a_trial(outcome: Outcome) -> None:
    tally = outcome.tally
    assert sum(tally.fates.values()) >= 200 and min(tally.fates.values()) > 3, tally.fates
    assert sum(outcome.killed.values()) >= 4, outcome.killed
    assert tally.resumed > 3 and tally.endings["completed"] > 0.5 * sum(tally.endings.values()), tally


def eventually(look: Callable[[], Any], good: Callable[[Any], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not good(now := look()):
        assert time.monotonic() < end, now
        time.sleep(0.3)


async def census() -> dict[str, int]:
    """Of the gateway that has the most, task by task: each call goes to one of them."""
    found: dict[str, int] = {}
    for _ in range(8):
        one: dict[str, int] = await serve.get_deployment_handle("Gateway", "avatar").census.remote()
        found |= {name: max(count, found.get(name, 0)) for name, count in one.items()}
    return found


def grown(before: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in now.items() if count > before.get(name, 0)}


async def load() -> Load:
    handle = serve.get_deployment_handle("Coordinator", "avatar")
    found: Load = await handle.call.remote("people", "beat", ("nobody", (), ()))
    return found


async def busy() -> int:
    counts = [await serve.get_deployment_handle(name, "avatar").busy.remote() for name in ("LLM", "TTS")]
    return sum(counts)


def rows(args: dict[str, Any], table: str) -> int:
    with sqlite3.connect(path_of(args), timeout=10) as connection:
        return int(connection.execute(f"select count(*) from {table}").fetchone()[0])


def path_of(args: dict[str, Any]) -> str:
    return str(args["coordinator"]["database_url"]).removeprefix("sqlite:///")


def kept_files(args: dict[str, Any]) -> set[str]:
    """What is stored for jobs."""
    folder = Path(args["store"]["url"])
    return {str(path.relative_to(folder)) for kind in KINDS for path in (folder / kind).rglob("*") if path.is_file()}
