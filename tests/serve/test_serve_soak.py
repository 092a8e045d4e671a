"""The soak in short, all its faults on, on a local cluster over fake engines. The long one: `avatar bench run soak`."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.soak.bad_messages import BAD_MESSAGES
from benchmarks.soak.bad_uploads import BAD_UPLOADS
from benchmarks.soak.drive import Place, Plan, soak
from benchmarks.soak.scenario import sounds
from benchmarks.soak.slow_ways import Limits
from benchmarks.soak.verdict import Watched, verdict
from tests.serve.conftest import Cluster
from tests.serve.test_serve_load import CHANGES, busy, census, eventually, grown, load

DEPLOYMENTS = ("Gateway", "TTS", "Video", "LLM", "Coordinator", "ASR")
PLAN = Plan(
    minutes=0.8,
    regulars=1,
    visitors=2,
    slow=2,
    vandals=2,
    kill=DEPLOYMENTS,
    kill_seconds=6.0,
    process_id=os.getpid(),
    patience_seconds=45,
    every_seconds=3,
    vandal_pause_seconds=0.2,
    rest_seconds=60,
    settle_seconds=0,
    limits=Limits(stall_seconds=3, pause_seconds=8, body_seconds=5, unread_seconds=8, answer_seconds=60),
)
SOAK_CHANGES = {
    **CHANGES,
    "args": {
        **CHANGES["args"],
        "realtime": {"stall_seconds": PLAN.limits.stall_seconds, "pause_seconds": PLAN.limits.pause_seconds},
        "gateway": {"body_timeout_seconds": PLAN.limits.body_seconds},
    },
}


@pytest.mark.timeout(300)
def test_a_short_soak_with_all_faults(cluster: Cluster, tmp_path: Path) -> None:
    config = cluster.deploy(**SOAK_CHANGES)
    cluster.wait_until_healthy()
    before = asyncio.run(census())
    store = Path(config["applications"][0]["args"]["store"]["url"])
    place = Place(cluster.url, lambda: [cluster.metrics_url], store)
    watched = asyncio.run(soak(place, PLAN, sounds(1), lambda text: None))
    found = verdict(watched)
    told = tmp_path / "soak.json"
    told.write_text(json.dumps(found.figures, indent=1))
    assert found.wrong == [], f"{found.wrong}: see {told}"
    check_that_it_was_a_trial(watched)
    check_that_all_was_refused(watched)
    cluster.wait_until_healthy()
    eventually(lambda: asyncio.run(load()), lambda now: (now.answered, now.waiting) == (0, 0))
    eventually(lambda: asyncio.run(busy()), lambda now: now == 0)
    eventually(lambda: asyncio.run(census()), lambda now: grown(before, now) == {})


def check_that_it_was_a_trial(watched: Watched) -> None:
    """Everything died, and the conversation that lasted all the time has gone on after it."""
    diary = watched.diary
    assert {name for _, name in diary.killed} >= set(DEPLOYMENTS[:5]), diary.killed
    completed = [row for row in diary.answers if row.who == "regular 1" and row.status == "completed"]
    assert len(completed) >= 2, diary.answers
    gateway_died = min(minutes for minutes, name in diary.killed if name == "Gateway")
    assert completed[-1].at_minutes > gateway_died and diary.fates["regular 1 resumed"] >= 1, diary.fates
    assert any(name.startswith("slow") for name in diary.fates), diary.fates
    tasks: list[Any] = [sample.gateway_tasks for sample in watched.samples if sample.gateway_tasks]
    assert tasks and "Places._beat" in tasks[-1], "the gateways tell of their tasks"


def check_that_all_was_refused(watched: Watched) -> None:
    uploads = watched.diary.uploads
    played = {name for name, _ in uploads}
    tricks = {trick.name for trick in (*BAD_UPLOADS, *BAD_MESSAGES)}
    assert len(played & tricks) > 0.9 * len(tricks), tricks - played
    assert not [found for found in uploads if found[1].startswith("2")]
    refused = sum(count for (_, status), count in uploads.items() if status[:1] == "4")
    http = sum(count for (name, _), count in uploads.items() if name in {trick.name for trick in BAD_UPLOADS})
    assert refused > 0.7 * http, uploads
