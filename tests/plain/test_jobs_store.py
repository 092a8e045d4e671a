"""The queue of jobs: what it promises to clients and to workers, over SQLite on a disk."""

import asyncio
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from deployments.errors import AtCapacity, Cancelled, InvalidField, NotFound
from serve_app.coordinator.contracts import Load
from serve_app.coordinator.database import Database
from serve_app.jobs.contracts import Job, JobStatus, Lease
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.store import JobStore
from tests.fakes.jobs import Clock, order


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path}/jobs.sqlite")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(database: Database, clock: Clock) -> JobStore:
    return JobStore(database, JobSettings(lease_seconds=30, attempts=3, retention_hours=1, max_queued=5), clock=clock)


async def leased(queue: JobStore, worker: str = "w1") -> Lease:
    lease = await queue.lease(worker)
    assert lease is not None
    return lease


def done(job: Job, status: JobStatus = JobStatus.COMPLETED) -> Job:
    return replace(job, status=status, progress=100, content="film", seconds=1.5, durations={"tts": 0.5})


async def test_an_order_is_kept_as_it_was_given(queue: JobStore) -> None:
    given = order(
        "Good morning.", language="en", voice_id="af_heart", seed=2**32 - 1, callback_url="https://x.example/"
    )
    job, new = await queue.create(given)
    assert (new, job.order, job.status, job.progress) == (True, given, JobStatus.QUEUED, 0)
    assert await queue.get("ana", given.id) == job
    again, _ = await queue.create(given)
    assert again == job
    for owner, name in (("bob", given.id), ("ana", "video_other")):
        with pytest.raises(NotFound):
            await queue.get(owner, name)
        with pytest.raises(NotFound):
            await queue.delete(owner, name)


async def test_a_job_from_lease_to_end(queue: JobStore, clock: Clock) -> None:
    job, _ = await queue.create(order(callback_url="https://x.example/"))
    clock.now += 7
    lease = await leased(queue)
    assert (lease.job.status, lease.job.worker, lease.job.attempts) == (JobStatus.IN_PROGRESS, "w1", 1)
    assert lease.job.started_at == job.created_at + 7
    assert await queue.lease("w2") is None
    on = replace(lease.job, clauses=("Good", "morning."), parts=("p0",), progress=40, language="en", transcript="Hi")
    await queue.advance(lease, on)
    kept = await queue.get("ana", job.id)
    assert (kept.clauses, kept.parts, kept.progress, kept.language) == (("Good", "morning."), ("p0",), 40, "en")
    await queue.finish(lease, done(on))
    ended = await queue.get("ana", job.id)
    assert (ended.status, ended.content, ended.seconds, ended.worker) == (JobStatus.COMPLETED, "film", 1.5, "w1")
    assert ended.expires_at == ended.completed_at + 3600  # type: ignore[operator]
    assert ended.durations == {"tts": 0.5}
    with pytest.raises(Cancelled):
        await queue.proceed(lease, 0)
    assert await queue.lease("w1") is None


async def test_the_oldest_goes_first_and_pages_tell_what_follows(queue: JobStore) -> None:
    ids = [(await queue.create(order(f"Text {number}.")))[0].id for number in range(5)]
    await queue.delete("ana", ids[2])
    await queue.create(order(owner="bob"))
    assert (await leased(queue)).job.id == ids[0]
    page, more = await queue.list("ana", 3, None, True)
    assert ([job.id for job in page], more) == ([ids[4], ids[3], ids[1]], True)
    page, more = await queue.list("ana", 3, ids[1], True)
    assert ([job.id for job in page], more) == ([ids[0]], False)
    page, more = await queue.list("ana", 2, ids[0], False)
    assert ([job.id for job in page], more) == ([ids[1], ids[3]], True)
    with pytest.raises(InvalidField, match="after"):
        await queue.list("ana", 2, ids[2], False)


async def test_a_silent_worker_loses_its_job_and_can_do_it_no_more_harm(queue: JobStore, clock: Clock) -> None:
    await queue.create(order())
    first = await leased(queue)
    clock.now += 29
    assert await queue.proceed(first, 0)
    clock.now += 29
    assert await queue.lease("w2") is None  # the lease was renewed
    clock.now += 2
    second = await leased(queue, "w2")
    assert (second.job.attempts, second.job.worker) == (2, "w2")
    for late in (queue.proceed(first, 0), queue.advance(first, first.job), queue.finish(first, done(first.job))):
        with pytest.raises(Cancelled):
            await late
    with pytest.raises(Cancelled):
        await queue.give_back(first)
    await queue.advance(second, second.job)


async def test_a_lost_answer_to_a_lease_costs_nobody_the_wait(queue: JobStore) -> None:
    await queue.create(order())
    lost = await leased(queue)
    again = await leased(queue)
    assert (again.job.id, again.token != lost.token) == (lost.job.id, True)


async def test_a_job_that_stops_its_workers_fails_in_the_end(queue: JobStore, clock: Clock) -> None:
    job, _ = await queue.create(order())
    other, _ = await queue.create(order())
    for _ in range(3):
        assert (await leased(queue)).job.id == job.id
        clock.now += 31
    assert (await leased(queue)).job.id == other.id
    failed = await queue.get("ana", job.id)
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, "engine_failed")
    assert "3 times" in str(failed.error_message)


async def test_giving_back(queue: JobStore, clock: Clock) -> None:
    job, _ = await queue.create(order())
    for _ in range(5):  # a worker that is shut down is not the job's fault
        await queue.give_back(await leased(queue))
    assert (await queue.get("ana", job.id)).attempts == 0
    await queue.give_back(await leased(queue), "timed_out", "The voice was silent.")
    assert await queue.lease("w1") is None
    clock.now += 5
    lease = await leased(queue)
    assert lease.job.attempts == 2
    await queue.advance(lease, replace(lease.job, parts=("p0",)))  # progress: it may go wrong three times again
    for wait in (5, 5, 10):
        await queue.give_back(lease, "timed_out", "The voice was silent.")
        clock.now += wait - 1
        assert await queue.lease("w1") is None
        clock.now += 1
        lease = await leased(queue)
    await queue.give_back(lease, "timed_out", "The voice was silent.")
    failed = await queue.get("ana", job.id)
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, "timed_out")
    assert (failed.error_message, failed.attempts, failed.parts) == ("The voice was silent.", 5, ("p0",))
    with pytest.raises(Cancelled):
        await queue.give_back(lease, "timed_out", "The voice was silent.")


async def test_deleting_stops_the_worker(queue: JobStore) -> None:
    job, _ = await queue.create(order())
    lease = await leased(queue)
    assert (await queue.delete("ana", job.id)).status is JobStatus.IN_PROGRESS
    with pytest.raises(Cancelled):
        await queue.proceed(lease, 0)
    with pytest.raises(NotFound):
        await queue.get("ana", job.id)


async def test_idempotency(queue: JobStore, clock: Clock) -> None:
    first, new = await queue.create(order(idempotency_key="k"))
    same, again = await queue.create(order(idempotency_key="k"))
    assert (same, new, again) == (first, True, False)
    with pytest.raises(InvalidField, match="another order"):
        await queue.create(order("Other.", idempotency_key="k"))
    other, new = await queue.create(order(idempotency_key="k", owner="bob"))
    assert new and other.id != first.id
    await queue.finish(lease := await leased(queue), done(lease.job))
    clock.now += 3601
    late, new = await queue.create(order(idempotency_key="k"))
    assert new and late.id != first.id


async def test_two_orders_with_one_key_at_the_same_moment(database: Database) -> None:
    queues = [JobStore(database, JobSettings()) for _ in range(4)]
    made = await asyncio.gather(*(queue.create(order(idempotency_key="k")) for queue in queues * 5))
    assert len({job.id for job, _ in made}) == 1
    assert sum(new for _, new in made) == 1


async def test_two_workers_never_get_one_job(database: Database) -> None:
    queues = [JobStore(database, JobSettings()) for _ in range(4)]
    for _ in range(3):
        await queues[0].create(order())
    leases = await asyncio.gather(*(queue.lease(f"w{number}") for number, queue in enumerate(queues * 3)))
    taken = [lease.job.id for lease in leases if lease]
    while lease := await queues[0].lease("w9"):
        if lease.job.id in taken:
            break
        taken.append(lease.job.id)
    assert len(taken) == len(set(taken)) == 3


async def test_a_full_queue_says_so(queue: JobStore) -> None:
    for _ in range(5):
        await queue.create(order(idempotency_key=None))
    with pytest.raises(AtCapacity):
        await queue.create(order())
    await queue.finish(lease := await leased(queue), done(lease.job))
    await queue.create(order())


async def test_what_has_ended_expires(queue: JobStore, clock: Clock) -> None:
    job, _ = await queue.create(order())
    await queue.finish(lease := await leased(queue), done(lease.job))
    clock.now += 1800
    waiting, _ = await queue.create(order())
    clock.now += 1799
    assert await queue.expire() == ()
    clock.now += 1
    with pytest.raises(NotFound):
        await queue.get("ana", job.id)
    assert (await queue.list("ana", 9, None, True))[0] == [await queue.get("ana", waiting.id)]
    assert await queue.expire() == (job.id,)
    assert (await queue.inventory()).job_ids == {waiting.id}


async def test_a_question_is_not_kept_for_ever_because_nobody_works(queue: JobStore, clock: Clock) -> None:
    job, _ = await queue.create(order(None, audio_key="q"))
    clock.now += 3599
    await queue.expire()
    assert (await queue.inventory()).audio_keys == {"q"}
    clock.now += 1
    assert await queue.expire() == ()
    failed = await queue.get("ana", job.id)
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, "timed_out")
    assert (await queue.inventory()).audio_keys == set()
    assert await queue.lease("w1") is None


async def test_the_inventory(queue: JobStore) -> None:
    asked, _ = await queue.create(order(None, audio_key="a1"))
    lease = await leased(queue)
    await queue.advance(lease, replace(lease.job, parts=("p0", "p1")))
    known = await queue.inventory()
    assert (known.audio_keys, known.content_keys) == ({"a1"}, {"p0", "p1"})
    assert known.counts == {"queued": 0, "in_progress": 1, "completed": 0, "failed": 0}
    await queue.finish(lease, done(lease.job))
    known = await queue.inventory()
    assert (known.job_ids, known.audio_keys, known.content_keys) == ({asked.id}, set(), {"film"})


async def test_people_go_first(database: Database) -> None:
    load = Load(1, 0, 2)
    queue = JobStore(database, JobSettings(beside_people=1), lambda: load)
    await queue.create(order())
    lease = await leased(queue)
    assert await queue.proceed(lease, 0.0)
    load = Load(1, 1, 2)
    assert not await queue.proceed(lease, 0.0)
    load = Load(2, 0, 2)
    asked = asyncio.create_task(queue.proceed(lease, 5.0))
    await asyncio.sleep(0.2)
    assert not asked.done()
    load = Load(1, 0, 2)
    assert await asked


async def test_callbacks_are_due_until_they_are_delivered(database: Database, clock: Clock) -> None:
    settings = JobSettings(callback_attempts=2, callback_retry_seconds=5, callback_timeout_seconds=10, lease_seconds=30)
    queue = JobStore(database, settings, clock=clock)
    for url in ("https://x.example/", None):
        await queue.create(order(callback_url=url))
        await queue.finish(lease := await leased(queue), done(lease.job))
    first = await queue.next_callback()
    assert first is not None and first.attempt == 1
    assert await queue.next_callback() is None  # one caller at a time
    await queue.called_back(first, delivered=False)
    assert await queue.next_callback() is None
    clock.now += 5
    second = await queue.next_callback()
    assert second is not None and second.attempt == 2
    await queue.called_back(first, delivered=True)  # late words about the first change nothing
    await queue.called_back(second, delivered=False)
    clock.now += 9999
    assert await queue.next_callback() is None


async def test_a_caller_that_died_is_followed_by_another(database: Database, clock: Clock) -> None:
    queue = JobStore(database, JobSettings(callback_timeout_seconds=10, lease_seconds=30), clock=clock)
    await queue.create(order(callback_url="https://x.example/"))
    await queue.finish(lease := await leased(queue), done(lease.job))
    assert await queue.next_callback() is not None
    clock.now += 40
    again = await queue.next_callback()
    assert again is not None and again.attempt == 2
    await queue.called_back(again, delivered=True)
    clock.now += 9999
    assert await queue.next_callback() is None


BUSY = """
import asyncio, sys
from dataclasses import replace
from serve_app.coordinator.database import Database
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.store import JobStore
from tests.fakes.jobs import order

async def main():
    queue = JobStore(Database("sqlite:///" + sys.argv[1]), JobSettings(max_queued=10**6))
    while True:
        job, _ = await queue.create(order())
        print("created", job.id, flush=True)
        lease = await queue.lease("w" + job.id)
        for number in range(3):
            parts = tuple(f"p{part}" for part in range(number + 1))
            await queue.advance(lease, replace(lease.job, clauses=("a", "b", "c"), parts=parts))
            print("advanced", lease.job.id, number + 1, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("moment", [0.0, 0.013, 0.031, 0.057])
async def test_what_was_answered_survives_a_kill(tmp_path: Path, moment: float) -> None:
    """The process is killed in the midst of creating and advancing; another opens the same file."""
    file = tmp_path / "jobs.sqlite"
    root = Path(__file__).parents[2]
    busy = subprocess.Popen([sys.executable, "-c", BUSY, str(file)], stdout=subprocess.PIPE, text=True, cwd=root)
    assert busy.stdout is not None
    said = [busy.stdout.readline() for _ in range(6)]
    time.sleep(moment)
    busy.send_signal(signal.SIGKILL)
    said += busy.stdout.readlines()
    busy.wait()
    words = [line.split() for line in said if line.endswith("\n")]
    queue = JobStore(Database(f"sqlite:///{file}"), JobSettings())
    advanced: dict[str, int] = {}
    for verb, job_id, *count in words:
        job = await queue.get("ana", job_id)
        if verb == "advanced":
            advanced[job_id] = max(advanced.get(job_id, 0), int(count[0]))
        if job_id in advanced:
            assert len(job.parts) >= advanced[job_id]
            assert job.clauses == ("a", "b", "c")
    assert advanced
    await queue.create(order())
