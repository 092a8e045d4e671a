"""Replicas that promise more than a card has: two start, the third says why it does not; all of it is exported."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from ray import serve
from ray.serve.api import _run

from deployments.gpu.metrics import GpuMetrics
from deployments.gpu.settings import GpuSettings
from deployments.gpu.share import take_share
from tests.fakes.cards import FakeCards
from tests.serve.conftest import Cluster

NAME = "gpu"


class Holder:
    """A stage on a card that is not there."""

    def __init__(self, folder: str) -> None:
        os.environ["CUDA_VISIBLE_DEVICES"] = "0"
        settings = GpuSettings(vram_gigabytes=9, patience_seconds=0, ledger_folder=folder)
        cards = FakeCards(processes={os.getpid(): int(8.5e9)})
        self._share = take_share(settings, "Video", GpuMetrics, cards)
        self._share.settle()

    async def check_health(self) -> None:
        self._share.observe()


def eventually(condition: Callable[[], bool], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def exported(cluster: Cluster, name: str) -> list[float]:
    """One value a replica, smallest first."""
    lines = httpx.get(cluster.metrics_url, timeout=10).text.splitlines()
    return sorted(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"ray_{name}{{"))


def test_who_has_no_room_does_not_start_and_says_so(cluster: Cluster, tmp_path: Path) -> None:
    holder = serve.deployment(
        name="Holder", num_replicas=3, ray_actor_options={"num_cpus": 0.1}, max_constructor_retry_count=2
    )(Holder)
    try:
        _run(holder.bind(str(tmp_path)), name=NAME, route_prefix=None, _blocking=False)

        def said() -> bool:
            deployments = serve.status().applications[NAME].deployments
            return bool(deployments) and "Let fewer replicas on the card" in deployments["Holder"].message

        assert eventually(said), serve.status().applications[NAME]
        assert eventually(lambda: exported(cluster, "avatar_gpu_budget_bytes") == [9e9, 9e9])
        assert eventually(lambda: exported(cluster, "avatar_gpu_memory_bytes") == [8.5e9, 8.5e9])
    finally:
        serve.delete(NAME)
