"""Jobs on a local Ray cluster: nothing of the queue is lost, whatever dies."""

import time
from collections.abc import Callable

import httpx
import pytest
from ray import serve

from serve_app.client import AvatarClient, Job
from tests.fakes.frames import decoded
from tests.serve.conftest import Cluster

WORDS = 150
TEXT = " ".join(f"Word number {number} is said here." for number in range(WORDS // 6))
JOBS = {"args": {"jobs": {"lease_seconds": 3, "poll_seconds": 0.2, "attempts": 10}}}


@pytest.fixture
def queue(cluster: Cluster) -> Cluster:
    cluster.deploy(**JOBS)
    cluster.wait_until_healthy()
    return cluster


def kill(name: str) -> None:
    serve.get_deployment_handle(name, "avatar").die.remote()


def under_way(client: AvatarClient, jobs: list[Job], at_least: int) -> None:
    end = time.monotonic() + 60
    while client.job(jobs[0]).progress < at_least:
        assert time.monotonic() < end, client.job(jobs[0])
        time.sleep(0.05)


def restart(cluster: Cluster) -> None:
    serve.delete("avatar")
    cluster.deploy(**JOBS)
    cluster.wait_until_healthy()


TROUBLES: dict[str, Callable[[Cluster], None]] = {
    "coordinator": lambda cluster: kill("Coordinator"),
    "voice and picture": lambda cluster: (kill("TTS"), kill("Video"))[0],
    "restart": restart,
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_nothing_is_lost(queue: Cluster, trouble: str) -> None:
    with AvatarClient(queue.url) as client:
        jobs = [client.submit(TEXT, seed=number) for number in range(3)]
        under_way(client, jobs, 20)
        TROUBLES[trouble](queue)
        for outcome in client.results(jobs, timeout_seconds=120):
            film = outcome.film
            assert film.report.reply == TEXT
            assert len(decoded(film.data)[0]) == round(25 * film.job.seconds)
            assert film.job.seconds == pytest.approx(0.25 * WORDS + 0.32, abs=1.0)
            client.cancel(outcome.job)
        assert list(client.jobs()) == []


def test_two_gateways_share_the_queue(cluster: Cluster) -> None:
    two = {"min_replicas": 2, "max_replicas": 2}
    cluster.deploy(**JOBS, Gateway={"autoscaling_config": two})
    cluster.wait_until_healthy()
    with AvatarClient(cluster.url) as client:
        jobs = [client.submit(TEXT, seed=number) for number in range(4)]
        workers = {outcome.film.job.worker for outcome in client.results(jobs, timeout_seconds=120)}
        assert len(workers) == 2
        for job in jobs:
            client.cancel(job)


def test_metrics(queue: Cluster) -> None:
    with AvatarClient(queue.url) as client:
        client.cancel(client.result(client.submit("Good morning."), timeout_seconds=60).job)
    end = time.monotonic() + 60
    while "avatar_jobs_ended" not in (said := httpx.get(queue.metrics_url).text) or "avatar_jobs_count" not in said:
        assert time.monotonic() < end
        time.sleep(0.5)
