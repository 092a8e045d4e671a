"""Each knob of jobs changes what its name says. Those of the queue and of callbacks are tried with these themselves."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from deployments.contracts import Step, Stepped
from deployments.errors import Cancelled, CoordinatorAway
from deployments.store.store import Store
from serve_app.args import AppArgs
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.contracts import Load
from serve_app.coordinator.database import Database
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.jobs.contracts import JobStatus
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.steady import LeaseLost, steadily
from serve_app.jobs.store import JobStore
from serve_app.phrasing import PhrasingSettings
from tests.fakes.jobs import Clock, order
from tests.fakes.stages import FakeStages
from tests.plain.test_jobs_worker import FAST, TEXT, House, at_work


def test_every_knob_is_described_and_unknown_ones_are_refused() -> None:
    assert all(field.description for field in JobSettings.model_fields.values())
    with pytest.raises(ValidationError):
        AppArgs.model_validate({"jobs": {"worker": 2}})
    assert AppArgs.model_validate({"jobs": {"workers": 2}}).jobs.workers == 2


async def finished(folder: Path, text: str = TEXT, **knobs: Any) -> tuple[House, FakeStages]:
    """A job's film, made with some knobs turned."""
    house, stages = House(folder), FakeStages()
    house.settings = FAST.model_copy(update=knobs)
    job, _ = await house.queue.create(order(text))
    async with at_work(house.worker("w1", stages)):
        assert (await house.until_ended(job.id)).status is JobStatus.COMPLETED
    return house, stages


@pytest.mark.parametrize(("frames", "longest"), [(10, 6400), (50, 32_000)])
async def test_step_frames(tmp_path: Path, frames: int, longest: int) -> None:
    _, stages = await finished(tmp_path, step_frames=frames)
    assert max(len(step.pcm_16k) for step in stages.animator.steps) == longest


async def test_phrasing(tmp_path: Path) -> None:
    short = PhrasingSettings(first_min_words=1, first_max_words=2, max_words=3, growth=1.0)
    _, few = await finished(tmp_path / "a")
    _, many = await finished(tmp_path / "b", phrasing=short)
    assert len(many.asked("speak")) > len(few.asked("speak")) + 3


async def test_retention(tmp_path: Path) -> None:
    clock = Clock()
    for hours in (1.0, 5.0):
        queue = JobStore(Database("sqlite://"), JobSettings(retention_hours=hours), clock=clock)
        await queue.create(order())
        lease = await queue.lease("w1")
        assert lease is not None
        await queue.finish(lease, lease.job)
        assert (await queue.get("ana", lease.job.id)).expires_at == clock.now + 3600 * hours


async def test_a_lease_ends_after_its_time() -> None:
    clock = Clock()
    queue = JobStore(Database("sqlite://"), JobSettings(lease_seconds=5), clock=clock)
    await queue.create(order())
    assert await queue.lease("w1")
    clock.now += 4
    assert not await queue.lease("w2")
    clock.now += 1
    assert await queue.lease("w2")


@pytest.mark.parametrize(("attempts", "waits"), [(2, [7]), (4, [7, 14, 28])])
async def test_attempts_and_the_wait_between_them(attempts: int, waits: list[int]) -> None:
    clock = Clock()
    settings = JobSettings(attempts=attempts, retry_seconds=7)
    queue = JobStore(Database("sqlite://"), settings, clock=clock)
    job, _ = await queue.create(order())
    for wait in [*waits, 0]:
        lease = await queue.lease("w1")
        assert lease is not None
        await queue.give_back(lease, "timed_out", "Too slow.")
        clock.now += wait - 1
        assert await queue.lease("w1") is None
        clock.now += 1
    assert (await queue.get("ana", job.id)).status is JobStatus.FAILED


@pytest.mark.parametrize(("beside", "may"), [(0, False), (1, True)])
async def test_beside_people(beside: int, may: bool) -> None:
    queue = JobStore(Database("sqlite://"), JobSettings(beside_people=beside), lambda: Load(1, 0, 2))
    await queue.create(order())
    lease = await queue.lease("w1")
    assert lease is not None
    assert await queue.proceed(lease, 0.0) is may


async def test_backoff() -> None:
    times: list[float] = []

    async def away() -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) < 5:
            raise CoordinatorAway("Away.")
        raise Cancelled("Gone.")

    with pytest.raises(LeaseLost):
        await steadily(away, JobSettings(backoff_seconds=0.01, longest_backoff_seconds=0.02))
    waits = [after - before for before, after in pairwise(times)]
    assert len(waits) == 4
    assert waits[0] > 0.009 and min(waits[1:]) > 0.019


@pytest.mark.parametrize("workers", [0, 1, 3])
async def test_workers(tmp_path: Path, workers: int) -> None:
    running = most = 0

    class Counting(FakeStages):
        async def step(self, step: Step) -> Stepped:
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                await asyncio.sleep(0.01)
                return await super().step(step)
            finally:
                running -= 1

    jobs = JobSettings(workers=workers, poll_seconds=0.01, patience_seconds=0.01)
    app = create_app(Counting(), Store(tmp_path), GatewaySettings(), ConversationSettings(), jobs=jobs)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door")
    async with app.router.lifespan_context(app), client:
        for _ in range(4):
            await client.post("/v1/videos", json={"prompt": TEXT})
        for _ in range(200):
            await asyncio.sleep(0.05)
            done = [video["status"] for video in (await client.get("/v1/videos")).json()["data"]]
            if done == ["completed"] * 4 or not workers:
                break
    assert most == workers
