"""The Coordinator on a local Ray cluster: it may die, and gateways share what it counts."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import ray
from ray import serve
from ray.serve.context import _get_global_client

from deployments.contracts import Message
from deployments.errors import AtCapacity, NotFound
from serve_app.coordinator.contracts import Coordination, SessionSnapshot, Standing
from serve_app.coordinator.places import Places
from serve_app.coordinator.remote import remote_coordination
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.identity import Identity
from serve_app.turn_report import report_in
from tests.fakes.jobs import order
from tests.serve.conftest import Cluster

QUESTION = Path(__file__).resolve().parents[2] / "serve_app/samples/questions/en-sky.wav"
SETTINGS = CoordinatorSettings(max_people=2)
LONG = {"text": " ".join(f"word{number}" for number in range(150)), "stream": True}


def coordination() -> Coordination:
    return remote_coordination(serve.get_deployment_handle("Coordinator", "avatar"), SETTINGS)


def kill() -> None:
    serve.get_deployment_handle("Coordinator", "avatar").die.remote()


def eventually(condition: Callable[[], Any], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def health(cluster: Cluster) -> dict[str, Any]:
    body: dict[str, Any] = httpx.get(f"{cluster.url}/health", timeout=20).json()
    return body


def ask(cluster: Cluster) -> httpx.Response:
    headers = {"Content-Type": "audio/wav"}
    return httpx.post(
        f"{cluster.url}/conversation?format=mp4", content=QUESTION.read_bytes(), headers=headers, timeout=60
    )


def test_its_death_is_not_noticed_by_a_turn_and_new_turns_work_at_once(application: Cluster) -> None:
    killer = threading.Timer(0.3, kill)
    killer.start()
    answer = ask(application)
    killer.join()
    assert answer.status_code == 200 and report_in(answer.content) is not None
    began = time.monotonic()
    assert ask(application).status_code == 200
    assert time.monotonic() - began < 20
    assert eventually(lambda: health(application)["coordinator"]["ok"]), health(application)
    assert ask(application).status_code == 200
    assert eventually(lambda: health(application)["people"] == {"answered": 0, "waiting": 0}), health(application)


async def test_who_waits_goes_on_waiting_over_its_death(application: Cluster) -> None:
    places = Places(coordination().people, SETTINGS, "test-gateway")
    told: list[Standing] = []
    let_in = asyncio.Event()

    async def waiting(standing: Standing) -> None:
        told.append(standing)

    async def wait() -> None:
        async with places.place(Identity(), waiting):
            let_in.set()

    async with places.beating(), places.place(Identity()):
        async with places.place(Identity()):
            task = asyncio.create_task(wait())
            async with asyncio.timeout(10):
                while len(told) < 2:
                    await asyncio.sleep(0.05)
            kill()
            async with asyncio.timeout(30):
                while places.connected:
                    await asyncio.sleep(0.05)
                while not places.connected:
                    await asyncio.sleep(0.05)
            before = len(told)
            async with asyncio.timeout(10):
                while len(told) < before + 2:
                    await asyncio.sleep(0.05)
            assert not let_in.is_set(), "both places are taken, and the new one knows"
            assert told[-1].position == 1
        await asyncio.wait_for(task, 10)
    assert let_in.is_set()


async def test_sessions_and_jobs_outlive_it(application: Cluster) -> None:
    desks = coordination()
    spoken = (Message("user", "Hello."), Message("assistant", "Good day."))
    assert await desks.sessions.save(SessionSnapshot("s-1", "secret", "", 0, spoken))
    job, new = await desks.jobs.create(order("Good morning.", owner="nobody-in-particular"))
    assert new
    kill()
    resumed = await desks.sessions.resume("s-1", "secret", "")
    assert (resumed.messages, resumed.epoch) == (spoken, 1)
    assert (await desks.jobs.get(job.order.owner, job.id)).id == job.id
    await desks.jobs.delete(job.order.owner, job.id)
    with pytest.raises(NotFound):
        await desks.jobs.get(job.order.owner, job.id)
    await desks.sessions.drop("s-1")
    with pytest.raises(NotFound):
        await desks.sessions.resume("s-1", "secret", "")


def test_two_gateways_share_the_places(cluster: Cluster) -> None:
    scaling = {"min_replicas": 2, "max_replicas": 2}
    cluster.deploy(Gateway={"autoscaling_config": scaling}, args={"coordinator": {"max_people": 1}})
    cluster.wait_until_healthy()
    seen: set[str] = set()
    assert eventually(lambda: seen.add(health(cluster)["gateway"]) or len(seen) == 2)
    with httpx.stream("POST", f"{cluster.url}/chat", json=LONG, timeout=60) as answer:
        assert answer.status_code == 200
        parts = answer.iter_raw()  # kept: a forgotten iterator hangs up by itself
        next(parts)
        for _ in range(8):
            refused = httpx.post(f"{cluster.url}/chat", json=LONG, timeout=60)
            assert refused.status_code == 503, refused.text
            assert refused.json()["error"]["position"] == 1
            assert int(refused.headers["retry-after"]) >= 1
    assert eventually(lambda: httpx.post(f"{cluster.url}/chat", json={"text": "Hi."}, timeout=60).status_code == 200)


def test_a_dead_gateways_places_are_free_again(application: Cluster) -> None:
    with httpx.stream("POST", f"{application.url}/chat", json=LONG, timeout=60) as answer:
        parts = answer.iter_raw()
        next(parts)
        assert eventually(lambda: health(application)["people"]["answered"] == 1)
        for name in actors_of("Gateway"):
            ray.kill(ray.get_actor(name, namespace="serve"))
        with pytest.raises(httpx.HTTPError):
            list(parts)

    def free() -> bool:
        with contextlib.suppress(httpx.HTTPError):  # until there is another gateway
            return bool(health(application)["people"]["answered"] == 0)
        return False

    assert eventually(free, seconds=90)


def actors_of(deployment: str) -> list[str]:
    """The names of a deployment's replicas as actors."""
    (application,) = _get_global_client().get_serve_details()["applications"].values()
    return [replica["actor_name"] for replica in application["deployments"][deployment]["replicas"]]


async def test_its_errors_come_over_the_handle_as_they_are(application: Cluster) -> None:
    people = coordination().people
    places = Places(people, SETTINGS, "test-gateway")
    async with places.beating(), places.place(Identity()), places.place(Identity()):
        with pytest.raises(AtCapacity) as refused:
            async with places.place(Identity()):
                raise AssertionError("there was no place")
        assert refused.value.position == 1


def test_its_metrics_are_in_rays_exporter(application: Cluster) -> None:
    assert ask(application).status_code == 200
    names = ("people_answered", "people_waiting", "wait_seconds")
    assert eventually(
        lambda: all(f"ray_avatar_coordinator_{name}" in httpx.get(application.metrics_url).text for name in names)
    )
