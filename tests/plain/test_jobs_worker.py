"""Workers: people go first, leases pass on, deleting and shutting down stop the work, faults are tried again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deployments.contracts import Step, Stepped
from deployments.errors import AvatarError, CoordinatorAway, EngineFailed, NotFound
from deployments.store.store import FILMS, JOB_AUDIO, JOB_PARTS, Store
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.contracts import Load
from serve_app.coordinator.database import Database
from serve_app.events import Ended
from serve_app.jobs.contracts import Job, JobStatus
from serve_app.jobs.film import Studio
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.store import JobStore
from serve_app.jobs.upkeep import Upkeep
from serve_app.jobs.worker import Worker
from serve_app.media.settings import MediaLimits
from serve_app.stages import StageHealth
from tests.door.conftest import wav
from tests.fakes.jobs import Clock, order
from tests.fakes.stages import FakeStages

TEXT = "Good morning to you, my friend. How are you today? The sun is out and the birds are singing in the trees."
FAST = JobSettings(
    poll_seconds=0.01, patience_seconds=0.02, backoff_seconds=0.01, retry_seconds=0.01, lease_seconds=1.0, attempts=2
)


@dataclass
class Notes:
    """Implements `Meter` as far as jobs go."""

    ended: list[tuple[str, float, float]] = field(default_factory=list)
    counts: list[Mapping[str, int]] = field(default_factory=list)

    def at_work(self, places: int) -> None: ...

    def first_media(self, seconds: float) -> None: ...

    def turn_ended(self, ended: Ended) -> None: ...

    def turn_failed(self, code: str) -> None: ...

    def refused(self, code: str) -> None: ...

    def jobs(self, counts: Mapping[str, int]) -> None:
        self.counts.append(counts)

    def job_ended(self, status: str, worked_seconds: float, media_seconds: float) -> None:
        self.ended.append((status, worked_seconds, media_seconds))


class House:
    """A queue, a store and workers that are hired and dismissed."""

    def __init__(self, folder: Path) -> None:
        self.load = Load(0, 0, 2)
        self.settings = FAST
        self.store = Store(folder / "store")
        self.queue = JobStore(Database(f"sqlite:///{folder}/jobs.sqlite"), FAST, lambda: self.load)
        self.notes = Notes()

    def worker(self, name: str, stages: FakeStages, queue: Any = None) -> Worker:
        studio = Studio(queue or self.queue, stages, self.store, ConversationSettings(), MediaLimits(), self.settings)
        return Worker(name, studio, self.notes)

    async def until_ended(self, job_id: str) -> Job:
        for _ in range(1000):
            if (job := await self.queue.get("ana", job_id)).ended:
                return job
            await asyncio.sleep(0.01)
        raise AssertionError(job)

    async def settled(self) -> None:
        """Returns when the workers have deleted what their ended jobs need no more."""
        async with asyncio.timeout(10):
            while self.store.list(JOB_PARTS):
                await asyncio.sleep(0.005)

    def emptied(self) -> bool:
        return not any(self.store.list(kind) for kind in (JOB_PARTS, JOB_AUDIO, FILMS))


@contextlib.asynccontextmanager
async def at_work(worker: Worker) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(worker.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def stages() -> FakeStages:
    return FakeStages()


async def test_jobs_are_done_in_turn_and_counted(house: House, stages: FakeStages) -> None:
    jobs = [(await house.queue.create(order(TEXT)))[0] for _ in range(2)]
    async with at_work(house.worker("w1", stages)):
        ended = [await house.until_ended(job.id) for job in jobs]
        await house.settled()
    assert [(job.status, job.worker) for job in ended] == [(JobStatus.COMPLETED, "w1")] * 2
    assert ended[0].completed_at <= ended[1].started_at  # type: ignore[operator]
    assert [status for status, _, _ in house.notes.ended] == ["completed"] * 2
    assert len(house.store.list(FILMS)) == 2


async def test_two_workers_share_the_queue(house: House, stages: FakeStages) -> None:
    stages.delays["step"] = 0.02
    jobs = [(await house.queue.create(order(TEXT)))[0] for _ in range(4)]
    async with at_work(house.worker("w1", stages)), at_work(house.worker("w2", stages)):
        ended = [await house.until_ended(job.id) for job in jobs]
    assert {job.worker for job in ended} == {"w1", "w2"}
    assert {job.attempts for job in ended} == {1}


async def test_people_go_first(house: House, stages: FakeStages) -> None:
    """A job stops between two units while somebody is answered, and keeps its lease meanwhile."""
    stages.delays["step"] = 0.02
    job, _ = await house.queue.create(order(TEXT))
    async with at_work(house.worker("w1", stages)):
        while len(stages.asked("step")) < 2:
            await asyncio.sleep(0.005)
        house.load = Load(1, 0, 2)
        await asyncio.sleep(0.1)
        steps = len(stages.asked("step"))
        await asyncio.sleep(1.3)  # longer than the lease
        assert len(stages.asked("step")) == steps
        assert await house.queue.lease("w2") is None
        house.load = Load(0, 0, 2)
        ended = await house.until_ended(job.id)
    assert (ended.status, ended.attempts) == (JobStatus.COMPLETED, 1)
    assert ended.durations["people"] > 0.3


async def test_a_long_unit_gives_way_to_people_and_is_done_again(house: House) -> None:
    """Somebody comes while a clause is being spoken: the voice is theirs within a moment."""
    house.settings = FAST.model_copy(update={"yield_seconds": 0.02})
    stages = FakeStages(delays={"speak_piece": 3.0})
    job, _ = await house.queue.create(order("Good morning."))
    async with at_work(house.worker("w1", stages)):
        while not stages.running:
            await asyncio.sleep(0.005)
        house.load = Load(0, 1, 2)
        async with asyncio.timeout(3):
            while stages.running:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        assert len(stages.asked("speak")) == 1
        stages.delays.clear()
        house.load = Load(0, 0, 2)
        ended = await house.until_ended(job.id)
    assert (ended.status, ended.attempts, len(stages.asked("speak"))) == (JobStatus.COMPLETED, 1, 2)
    assert ended.seconds == pytest.approx(0.92)


async def test_no_job_is_begun_before_the_stages_are_there(house: House, stages: FakeStages) -> None:
    """While the application starts, and after a stage went wrong: else an outage would use up the attempts."""
    job, _ = await house.queue.create(order("Good morning."))
    stages.health_report["tts"] = StageHealth(False, "starting")
    async with at_work(house.worker("w1", stages)):
        await asyncio.sleep(0.1)
        assert (await house.queue.get("ana", job.id)).attempts == 0
        stages.errors["step"] = EngineFailed("The picture engine failed twice.")
        stages.health_report["tts"] = StageHealth(True)
        while not stages.asked("step"):
            await asyncio.sleep(0.001)
        stages.health_report["video"] = StageHealth(False, "starting")
        await asyncio.sleep(0.2)
        waiting = await house.queue.get("ana", job.id)
        assert (waiting.status, waiting.attempts) == (JobStatus.QUEUED, 1)
        stages.errors.clear()
        stages.health_report["video"] = StageHealth(True)
        assert (await house.until_ended(job.id)).status is JobStatus.COMPLETED


class Deaf(FakeStages):
    """A stage that never answers its second step, as if its machine had stopped in the midst of it."""

    stuck = False

    async def step(self, step: Step) -> Stepped:
        if len(self.asked("step")) == 1:
            self.stuck = True
            async with self._asked("step", step):
                await asyncio.sleep(3600)
        return await super().step(step)


async def test_a_silent_worker_is_followed_by_another(house: House, stages: FakeStages) -> None:
    """The first worker's machine is gone: it gives no sign of life, and its late words are ignored."""
    job, _ = await house.queue.create(order(TEXT))
    lease = await house.queue.lease("gone")
    assert lease is not None
    async with at_work(house.worker("w2", stages)):
        ended = await house.until_ended(job.id)
    assert (ended.worker, ended.attempts) == ("w2", 2)
    with pytest.raises(AvatarError, match="another worker"):
        await house.queue.finish(lease, lease.job)


async def test_a_slow_unit_is_not_a_silent_worker(house: House, stages: FakeStages) -> None:
    stages.delays["step"] = 1.3  # longer than the lease
    house.settings = FAST.model_copy(update={"step_frames": 50})
    job, _ = await house.queue.create(order("Good morning."))
    async with at_work(house.worker("w1", stages)), at_work(house.worker("w2", FakeStages())):
        ended = await house.until_ended(job.id)
    assert (ended.worker, ended.attempts) == ("w1", 1)


async def test_deleting_stops_a_unit_in_its_midst(house: House) -> None:
    stages = Deaf()
    job, _ = await house.queue.create(order(TEXT))
    async with at_work(house.worker("w1", stages)):
        while not stages.stuck:
            await asyncio.sleep(0.005)
        await house.queue.delete("ana", job.id)
        async with asyncio.timeout(10):
            while stages.running:
                await asyncio.sleep(0.005)
        other, _ = await house.queue.create(order(TEXT))
        assert (await house.until_ended(other.id)).status is JobStatus.COMPLETED
        await house.settled()
    house.store.delete(FILMS, house.store.list(FILMS)[0])
    assert house.emptied()


async def test_what_a_worker_adds_to_a_deleted_job_goes_too(house: House, stages: FakeStages) -> None:
    job, _ = await house.queue.create(order(TEXT))

    class Late(FakeStages):
        async def step(self, step: Step) -> Stepped:
            if len(self.asked("step")) == 1:
                await house.queue.delete("ana", job.id)
            return await super().step(step)

    late = Late()
    async with at_work(house.worker("w1", late)):
        async with asyncio.timeout(10):
            while len(late.asked("step")) != 2:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.2)
    assert house.emptied()


async def test_shutting_down_gives_the_job_back(house: House, stages: FakeStages) -> None:
    stages.delays["step"] = 0.05
    job, _ = await house.queue.create(order(TEXT))
    async with at_work(house.worker("w1", stages)):
        while len(stages.asked("step")) < 4:
            await asyncio.sleep(0.005)
    given_back = await house.queue.get("ana", job.id)
    assert (given_back.status, given_back.attempts, stages.running) == (JobStatus.QUEUED, 0, 0)
    lease = await house.queue.lease("w2")  # at once, without waiting for the lease's end
    assert lease is not None and lease.job.parts


async def test_a_fault_of_the_house_is_tried_again(house: House, stages: FakeStages) -> None:
    stages.errors["step"] = EngineFailed("The picture engine failed twice.")
    job, _ = await house.queue.create(order(TEXT))
    async with at_work(house.worker("w1", stages)):
        while (await house.queue.get("ana", job.id)).attempts < 1:
            await asyncio.sleep(0.001)
        stages.errors.clear()
        ended = await house.until_ended(job.id)
    assert ended.status is JobStatus.COMPLETED


async def test_a_fault_that_stays_is_told(house: House, stages: FakeStages) -> None:
    stages.errors["step"] = EngineFailed("The picture engine failed twice.")
    job, _ = await house.queue.create(order(TEXT))
    async with at_work(house.worker("w1", stages)):
        ended = await house.until_ended(job.id)
    assert (ended.status, ended.error_code, ended.attempts) == (JobStatus.FAILED, "engine_failed", 2)
    assert ended.error_message == "The picture engine failed twice."


async def test_a_fault_that_nobody_foresaw_is_told_in_general_words(house: House, stages: FakeStages) -> None:
    stages.errors["step"] = RuntimeError("/secret/path")  # type: ignore[assignment]
    job, _ = await house.queue.create(order(TEXT))
    async with at_work(house.worker("w1", stages)):
        ended = await house.until_ended(job.id)
    assert (ended.error_code, "secret" in str(ended.error_message)) == ("internal_error", False)


async def test_a_job_that_is_wrong_fails_at_once(house: House, stages: FakeStages) -> None:
    job, _ = await house.queue.create(order(TEXT, voice_id="nobody"))
    asked, _ = await house.queue.create(order(None, audio_key="q"))
    house.store.put(JOB_AUDIO, "q", b"noise")
    async with at_work(house.worker("w1", stages)):
        ended = await house.until_ended(job.id)
        bad = await house.until_ended(asked.id)
    assert (ended.error_code, ended.attempts, ended.clauses is not None) == ("not_found", 1, True)
    assert (bad.error_code, bad.attempts) == ("bad_input", 1)


class Restarting:
    """A queue whose Coordinator is away for some calls now and then."""

    def __init__(self, queue: JobStore) -> None:
        self._queue, self._calls = queue, 0

    def __getattr__(self, name: str) -> Any:
        async def call(*given: Any) -> Any:
            self._calls += 1
            if self._calls % 5 in (2, 3):
                raise CoordinatorAway("The Coordinator does not answer. Try again.")
            return await getattr(self._queue, name)(*given)

        return call


async def test_the_coordinator_restarts_and_the_work_goes_on(house: House, stages: FakeStages) -> None:
    job, _ = await house.queue.create(order(TEXT))
    async with at_work(house.worker("w1", stages, Restarting(house.queue))):
        ended = await house.until_ended(job.id)
    assert (ended.status, ended.attempts) == (JobStatus.COMPLETED, 1)


async def test_the_sweep(house: House, stages: FakeStages, tmp_path: Path) -> None:
    clock = Clock()
    settings = FAST.model_copy(update={"retention_hours": 1.0})
    house.queue = JobStore(Database(f"sqlite:///{tmp_path}/swept.sqlite"), settings, clock=clock)
    upkeep = Upkeep(house.queue, house.store, stages, settings, house.notes)
    done, _ = await house.queue.create(order(TEXT))
    async with at_work(house.worker("w1", stages)):
        await house.until_ended(done.id)
        await house.settled()
    asked, _ = await house.queue.create(order(None, audio_key="asked"))
    house.store.put(JOB_AUDIO, "asked", wav())
    for kind in (JOB_AUDIO, JOB_PARTS, FILMS):
        house.store.put(kind, "video_gone.abc.0", b"what a crash has left")
    assert await upkeep.sweep() == 0  # it may belong to an order that is just being written
    assert await upkeep.sweep() == 3
    assert house.store.list(JOB_AUDIO) == ["asked"]
    assert len(house.store.list(FILMS)) == 1
    clock.now += 3600
    assert await upkeep.sweep() == 1
    assert house.store.list(FILMS) == []
    with pytest.raises(NotFound):
        await house.queue.get("ana", done.id)
    # nobody has worked on the question for as long
    assert (await house.queue.get("ana", asked.id)).status is JobStatus.FAILED
    assert await upkeep.sweep() == 1
    assert house.emptied()


async def test_the_upkeep_counts(house: House, stages: FakeStages) -> None:
    await house.queue.create(order(TEXT))
    task = asyncio.create_task(Upkeep(house.queue, house.store, stages, FAST, house.notes).run())
    while not house.notes.counts:
        await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert house.notes.counts[0] == {"queued": 1, "in_progress": 0, "completed": 0, "failed": 0}
