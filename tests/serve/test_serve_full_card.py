"""A card that is full in a step: the stream goes on, and the replica is replaced."""

import asyncio
import time
from typing import Any

import numpy as np
from ray import serve
from ray.serve.context import _get_global_client

from deployments.contracts import Step, Stepped
from serve_app.serve_stages import ServeStages, StageLimits
from tests.serve.conftest import Cluster
from tests.serve.full_card_app import FULL_SEED


def replicas() -> set[str]:
    """Of Video, those that are running."""
    (application,) = _get_global_client().get_serve_details()["applications"].values()
    found: list[dict[str, Any]] = application["deployments"]["Video"]["replicas"]
    return {replica["replica_id"] for replica in found if replica["state"] == "RUNNING"}


async def one_stream() -> list[Stepped]:
    """Two steps; at the second one the card is full."""
    handles = [serve.get_deployment_handle(name, "avatar") for name in ("ASR", "LLM", "TTS", "Video")]
    stages = ServeStages(*handles, StageLimits())
    sound = np.zeros(6_400, np.float32)
    first = await stages.step(Step("grace_hopper", sound))
    return [first, await stages.step(Step("grace_hopper", sound, first.state, final=True, seed=FULL_SEED))]


def test_a_stream_outlives_a_full_card_and_the_replica_is_replaced(cluster: Cluster) -> None:
    one = {"min_replicas": 1, "max_replicas": 1}
    cluster.deploy(
        import_path="tests.serve.full_card_app:build_app",
        Video={"health_check_period_s": 1, "graceful_shutdown_timeout_s": 1, "autoscaling_config": one},
    )
    cluster.wait_until_healthy()
    (before,) = replicas()
    steps = asyncio.run(one_stream())
    assert [frame.index for step in steps for frame in step.frames] == list(range(20))
    end = time.monotonic() + 60
    while not (now := replicas()) or before in now:
        assert time.monotonic() < end, "a replica whose card was full is kept"
        time.sleep(0.2)
    cluster.wait_until_healthy()
