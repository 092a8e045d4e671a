"""What a job is, and what a queue of jobs does."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class JobStatus(StrEnum):
    """The states of OpenAI's Videos API."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a client orders: exactly one of `script` (to be spoken as it is) and `audio_key` (a question in the store,
    to be answered). `id` is made by the asker, so that an order may be sent again while the Coordinator restarts.
    `owner` is the API key's name. `idempotency_key` is the client's; with `fingerprint`, a hash of all that was
    ordered, it tells a repeated order from a changed one."""

    id: str
    owner: str
    script: str | None
    audio_key: str | None
    language: str | None
    voice_id: str | None
    avatar_id: str | None
    seed: int
    callback_url: str | None
    idempotency_key: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it stands. Times are Unix seconds. `progress` is 0..100. `worker` is the replica that works on it or
    finished it. `durations`: seconds by stage.

    `clauses` are what will be said, known before the first is spoken, in `language`; `transcript` is the question
    they answer. `parts` are the keys, in the store, of what is made and kept so far: one a clause, then the end.
    `content` is the finished film's key.
    """

    id: str
    order: NewJob
    status: JobStatus
    created_at: float
    progress: int = 0
    attempts: int = 0
    worker: str | None = None
    started_at: float | None = None
    completed_at: float | None = None
    expires_at: float | None = None
    language: str | None = None
    transcript: str = ""
    clauses: tuple[str, ...] | None = None
    parts: tuple[str, ...] = ()
    content: str | None = None
    seconds: float = 0.0
    error_code: str | None = None
    error_message: str | None = None
    durations: dict[str, float] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.status in (JobStatus.COMPLETED, JobStatus.FAILED)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job until it is taken away. `token` changes with each lease (a fencing token)."""

    job: Job
    token: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that the queue knows of: ids of jobs, keys of the audio and of the parts and films that they refer to, and
    how many jobs there are in each state."""

    job_ids: frozenset[str]
    audio_keys: frozenset[str]
    content_keys: frozenset[str]
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Callback:
    """A client that is to be told of its job's end. `attempt` counts from 1."""

    job: Job
    attempt: int


class JobQueue(Protocol):
    """Durable: what was answered is on disk. All methods raise NotFound for a job that is gone or is another owner's.

    Verbs with a lease raise Cancelled where the job was deleted or the lease has passed to another worker: the worker
    drops the job.
    """

    async def create(self, order: NewJob) -> tuple[Job, bool]:
        """The job, and whether it is new: the same idempotency key gives the same job. Raises InvalidField for the
        key of another order, AtCapacity for a full queue."""
        ...

    async def get(self, owner: str, job_id: str) -> Job: ...

    async def list(self, owner: str, limit: int, after: str | None, descending: bool) -> tuple[list[Job], bool]:
        """A page of jobs by time of creation, and whether there are more after it."""
        ...

    async def delete(self, owner: str, job_id: str) -> Job:
        """Deletes it in any state; work under way stops within one unit. What was stored for it is the caller's to
        delete."""
        ...

    async def lease(self, worker: str) -> Lease | None:
        """The oldest job that waits or whose worker has fallen silent, if any."""
        ...

    async def proceed(self, lease: Lease, patience_seconds: float) -> bool:
        """Renews the lease. True where the next unit may run now; False where, `patience_seconds` long, people were
        being answered, who go first."""
        ...

    async def advance(self, lease: Lease, job: Job) -> None:
        """Stores progress: language, transcript, clauses, parts, seconds, progress, durations."""
        ...

    async def finish(self, lease: Lease, job: Job) -> None:
        """Stores the end: completed, or failed with its error."""
        ...

    async def give_back(self, lease: Lease, error_code: str | None = None, error_message: str = "") -> None:
        """The worker stops before the job is done: another may go on with it at once. With an error the job has gone
        wrong: it is tried again later or, where that was tried often enough without any progress, has failed."""
        ...

    async def expire(self) -> tuple[str, ...]:
        """Forgets the ended jobs whose retention is over; those that have waited for as long have failed. The ids of
        the former; what was stored for them is the caller's to delete."""
        ...

    async def inventory(self) -> Inventory: ...

    async def next_callback(self) -> Callback | None:
        """The client to be told next. Nobody else is given it while the call may still be under way."""
        ...

    async def called_back(self, callback: Callback, delivered: bool) -> None:
        """What came of it. What was not delivered is tried again later, up to the configured number of times."""
        ...
