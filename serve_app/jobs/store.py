"""The queue of jobs in a database: what was answered is on disk, whatever happens next."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from deployments.errors import AtCapacity, Cancelled, EngineFailed, InvalidField, NotFound, TimedOut
from serve_app.coordinator.contracts import Load
from serve_app.coordinator.database import Database
from serve_app.jobs.contracts import Callback, Inventory, Job, JobStatus, Lease, NewJob
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.tables import JOBS, job_of, progress_of, row_of

logger = logging.getLogger("ray.serve")

_WAITING = (JobStatus.QUEUED.value, JobStatus.IN_PROGRESS.value)
_LOOK_SECONDS = 0.1
"""How often a worker that lets people go first looks whether they are done."""
_RENEWED_SHARE = 0.9
"""A lease is written down anew once less than this share of it is left."""


class JobStore:
    """Implements `serve_app.jobs.contracts.JobQueue`.

    Every verb is one transaction that states what it expects, so that several processes may share the database.
    """

    def __init__(
        self,
        database: Database,
        settings: JobSettings,
        load: Callable[[], Load] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`load` tells how many people are being answered; None: nobody ever is. `clock`: Unix seconds."""
        self._run, self._settings, self._clock = database.run, settings, clock
        self._load = load or (lambda: Load(answered=0, waiting=0, capacity=1))

    async def create(self, order: NewJob) -> tuple[Job, bool]:
        def work(connection: Connection) -> tuple[Job, bool]:
            if row := connection.execute(select(JOBS).where(JOBS.c.id == order.id)).mappings().first():
                return job_of(row), True  # the answer to this very order got lost
            if known := self._repeated(connection, order):
                return known, False
            waiting = connection.scalar(select(func.count()).where(JOBS.c.status.in_(_WAITING))) or 0
            if waiting >= self._settings.max_queued:
                raise AtCapacity(f"{waiting} videos are waiting already. Try again later.", 60)
            start = {"status": JobStatus.QUEUED.value, "created_at": self._clock()}
            connection.execute(insert(JOBS).values(row_of(order) | start))
            return self._require(connection, JOBS.c.id == order.id), True

        try:
            return await self._run(work)
        except IntegrityError:
            # the same key came through another process at the same moment: there is a job with it now
            return await self._run(work)

    async def get(self, owner: str, job_id: str) -> Job:
        return await self._run(lambda connection: self._require(connection, *self._owned(owner, job_id)))

    async def list(self, owner: str, limit: int, after: str | None, descending: bool) -> tuple[list[Job], bool]:
        """Raises InvalidField for an `after` that is no job of this owner."""

        def work(connection: Connection) -> tuple[list[Job], bool]:
            column = JOBS.c.sequence
            wanted = select(JOBS).where(JOBS.c.owner == owner, self._alive())
            if after is not None:
                place = connection.scalar(select(column).where(*self._owned(owner, after)))
                if place is None:
                    raise InvalidField(f"after: there is no video {after[:80]!r} to go on after.", "after")
                wanted = wanted.where(column < place if descending else column > place)
            wanted = wanted.order_by(column.desc() if descending else column).limit(limit + 1)
            jobs = [job_of(row) for row in connection.execute(wanted).mappings()]
            return jobs[:limit], len(jobs) > limit

        return await self._run(work)

    async def delete(self, owner: str, job_id: str) -> Job:
        def work(connection: Connection) -> Job:
            job = self._require(connection, *self._owned(owner, job_id))
            connection.execute(delete(JOBS).where(JOBS.c.id == job_id))
            return job

        return await self._run(work)

    async def lease(self, worker: str) -> Lease | None:
        """A job that its workers have left too often ends here as failed. A worker that asks while it holds a lease
        has lost the answer: it is given that job again."""

        def work(connection: Connection) -> Lease | None:
            while row := connection.execute(self._next(worker)).mappings().first():
                if row["stalls"] < self._settings.attempts:
                    return self._given(connection, row, worker)
                message = f"The video stopped its worker {row['stalls']} times. Order it again, or a shorter one."
                connection.execute(update(JOBS).where(JOBS.c.id == row["id"]).values(self._failure(row, message)))
            return None

        return await self._run(work)

    async def proceed(self, lease: Lease, patience_seconds: float) -> bool:
        if not await self._run(lambda connection: self._renew(connection, lease)):
            raise _lost()
        deadline = time.monotonic() + patience_seconds
        while self._people_first():
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return False
            await asyncio.sleep(min(_LOOK_SECONDS, remaining))
        return True

    async def advance(self, lease: Lease, job: Job) -> None:
        fresh = {"stalls": 0} if len(job.parts) > len(lease.job.parts) else {}
        await self._change(lease, progress_of(job) | self._renewed() | fresh)

    async def finish(self, lease: Lease, job: Job) -> None:
        await self._change(lease, progress_of(job) | self._ending(job.status, job.order.callback_url))

    async def give_back(self, lease: Lease, error_code: str | None = None, error_message: str = "") -> None:
        free = {"status": JobStatus.QUEUED.value, "token": None, "leased_until": None}
        if error_code is None:
            # a worker that is shut down is not the job's fault
            blameless = {"stalls": JOBS.c.stalls - 1, "attempts": JOBS.c.attempts - 1, "not_before": 0.0}
            await self._change(lease, free | blameless)
            return

        def work(connection: Connection) -> bool:
            row = connection.execute(select(JOBS).where(*_current(lease))).mappings().first()
            if row is None:
                return False
            if row["stalls"] >= self._settings.attempts:
                values = self._failure(row, error_message, error_code)
            else:
                wait = self._settings.retry_seconds * 2.0 ** max(0, row["stalls"] - 1)
                values = free | {"not_before": self._clock() + wait}
            return connection.execute(update(JOBS).where(*_current(lease)).values(values)).rowcount > 0

        if not await self._run(work):
            raise _lost()

    async def expire(self) -> tuple[str, ...]:
        def work(connection: Connection) -> tuple[str, ...]:
            stale = self._clock() - 3600 * self._settings.retention_hours
            waits = (JOBS.c.status == JobStatus.QUEUED.value) & (JOBS.c.created_at <= stale)
            # an uploaded question may not be kept for ever because nobody works
            for row in connection.execute(select(JOBS).where(waits)).mappings().all():
                values = self._failure(row, "Nobody had time for the video. Order it again.", TimedOut.code)
                connection.execute(update(JOBS).where(JOBS.c.id == row["id"]).values(values))
            over = JOBS.c.expires_at <= self._clock()
            ids = tuple(connection.scalars(select(JOBS.c.id).where(over)))
            connection.execute(delete(JOBS).where(JOBS.c.id.in_(ids)))
            return ids

        return await self._run(work)

    async def inventory(self) -> Inventory:
        def work(connection: Connection) -> Inventory:
            columns = select(JOBS.c.id, JOBS.c.status, JOBS.c.audio_key, JOBS.c.parts, JOBS.c.content)
            rows = connection.execute(columns).all()
            contents = [row.content for row in rows if row.content]
            parts = [key for row in rows if row.status in _WAITING for key in row.parts]
            counts = {status.value: sum(row.status == status for row in rows) for status in JobStatus}
            audio = frozenset(row.audio_key for row in rows if row.audio_key and row.status in _WAITING)
            return Inventory(frozenset(row.id for row in rows), audio, frozenset(contents + parts), counts)

        return await self._run(work)

    async def next_callback(self) -> Callback | None:
        def work(connection: Connection) -> Callback | None:
            now = self._clock()
            due = select(JOBS).where(JOBS.c.callback_due_at <= now).order_by(JOBS.c.callback_due_at).limit(1)
            row = connection.execute(due).mappings().first()
            if row is None:
                return None
            tried = row["callback_attempts"] + 1
            # whoever was given it may die: it is due again once the call must be over
            again = now + self._settings.callback_timeout_seconds + self._settings.lease_seconds
            given = {"callback_attempts": tried, "callback_due_at": again}
            connection.execute(update(JOBS).where(JOBS.c.id == row["id"]).values(given))
            return Callback(job_of(row), tried)

        return await self._run(work)

    async def called_back(self, callback: Callback, delivered: bool) -> None:
        settings = self._settings
        wait = min(
            settings.callback_retry_seconds * 4.0 ** (callback.attempt - 1), settings.longest_callback_retry_seconds
        )
        over = delivered or callback.attempt >= settings.callback_attempts
        due = {"callback_due_at": None if over else self._clock() + wait}
        # a late word about an older attempt changes nothing
        current = (JOBS.c.id == callback.job.id) & (JOBS.c.callback_attempts == callback.attempt)
        await self._run(lambda connection: connection.execute(update(JOBS).where(current).values(due)).rowcount)

    # --- within a transaction ------------------------------------------------------------------------------

    def _repeated(self, connection: Connection, order: NewJob) -> Job | None:
        """The job that this key has made already. An expired one does not count, and makes room for the new."""
        if order.idempotency_key is None:
            return None
        same = (JOBS.c.owner == order.owner, JOBS.c.idempotency_key == order.idempotency_key)
        connection.execute(delete(JOBS).where(*same, JOBS.c.expires_at <= self._clock()))
        row = connection.execute(select(JOBS).where(*same)).mappings().first()
        if row is None:
            return None
        if row["fingerprint"] != order.fingerprint:
            raise InvalidField(
                "Idempotency-Key: this key was used for another order. Send a new key with a new order.",
                "Idempotency-Key",
            )
        return job_of(row)

    def _next(self, worker: str) -> Select[Any]:
        now = self._clock()
        waits = (JOBS.c.status == JobStatus.QUEUED.value) & (JOBS.c.not_before <= now)
        left = (JOBS.c.status == JobStatus.IN_PROGRESS.value) & (
            (JOBS.c.leased_until <= now) | (JOBS.c.worker == worker)
        )
        return select(JOBS).where(waits | left).order_by(JOBS.c.sequence).limit(1)

    def _given(self, connection: Connection, row: RowMapping, worker: str) -> Lease | None:
        now, token = self._clock(), uuid.uuid4().hex
        unchanged = (JOBS.c.id == row["id"]) & (
            JOBS.c.token == row["token"] if row["token"] is not None else JOBS.c.token.is_(None)
        )
        given = {
            "status": JobStatus.IN_PROGRESS.value,
            "token": token,
            "worker": worker,
            "attempts": row["attempts"] + 1,
            "stalls": row["stalls"] + 1,
            "started_at": row["started_at"] or now,
        }
        taken = connection.execute(update(JOBS).where(unchanged).values(given | self._renewed())).rowcount
        return Lease(self._require(connection, JOBS.c.id == row["id"]), token) if taken else None

    def _renew(self, connection: Connection, lease: Lease) -> bool:
        """Whether the lease is the current one. It is asked every moment, and so written only now and then."""
        until = connection.scalar(select(JOBS.c.leased_until).where(*_current(lease)))
        if until is None:
            return False
        if until - self._clock() < _RENEWED_SHARE * self._settings.lease_seconds:
            connection.execute(update(JOBS).where(*_current(lease)).values(self._renewed()))
        return True

    def _renewed(self) -> dict[str, Any]:
        return {"leased_until": self._clock() + self._settings.lease_seconds}

    def _ending(self, status: JobStatus, callback_url: str | None) -> dict[str, Any]:
        now = self._clock()
        return {
            "status": status.value,
            "completed_at": now,
            "expires_at": now + 3600 * self._settings.retention_hours,
            "token": None,
            "leased_until": None,
            "callback_due_at": now if callback_url else None,
        }

    def _failure(self, row: RowMapping, message: str, code: str = EngineFailed.code) -> dict[str, Any]:
        logger.error("job %s has failed after %d attempts: %s", row["id"], row["attempts"], message)
        ending = self._ending(JobStatus.FAILED, row["callback_url"])
        return ending | {"error_code": code, "error_message": message}

    def _people_first(self) -> bool:
        load = self._load()
        return load.waiting > 0 or load.answered > self._settings.beside_people

    def _alive(self) -> Any:
        return JOBS.c.expires_at.is_(None) | (JOBS.c.expires_at > self._clock())

    def _owned(self, owner: str, job_id: str) -> tuple[Any, ...]:
        return (JOBS.c.id == job_id, JOBS.c.owner == owner, self._alive())

    def _require(self, connection: Connection, *conditions: Any) -> Job:
        row = connection.execute(select(JOBS).where(*conditions)).mappings().first()
        if row is None:
            raise NotFound("There is no such video, or its retention time is over. GET /v1/videos lists them.")
        return job_of(row)

    async def _change(self, lease: Lease, values: dict[str, Any]) -> None:
        """Raises Cancelled where the lease is not the job's current one."""
        change = update(JOBS).where(*_current(lease)).values(values)
        if not await self._run(lambda connection: connection.execute(change).rowcount):
            raise _lost()


def _current(lease: Lease) -> tuple[Any, ...]:
    return (JOBS.c.id == lease.job.id, JOBS.c.token == lease.token)


def _lost() -> Cancelled:
    return Cancelled("The job was deleted, or another worker goes on with it.")
