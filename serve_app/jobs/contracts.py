"""What a job is, and what a queue of jobs does."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class JobStatus(StrEnum):
    """The states of OpenAI's Videos API, and `cancelled` for a moment until a job's worker has let go of it."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NewJob:
    """What a client orders: exactly one of `script` (to be spoken as it is) and `audio_key` (a question in the store,
    to be answered). `owner` is the API key's name. `idempotency_key` is the client's; with `fingerprint`, a hash of
    all that was ordered, it tells a repeated order from a changed one."""

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
    finished it. `durations`: seconds by stage. `checkpoint`: how many clauses are done and stored."""

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
    clauses: tuple[str, ...] | None = None
    checkpoint: int = 0
    seconds: float = 0.0
    error_code: str | None = None
    error_message: str | None = None
    durations: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job until it is taken away. `token` changes with each lease (a fencing token)."""

    job: Job
    token: str


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
        """Stores progress: clauses, checkpoint, seconds, progress, durations."""
        ...

    async def finish(self, lease: Lease, job: Job) -> None:
        """Stores the end: completed, or failed with its error."""
        ...

    async def give_back(self, lease: Lease) -> None:
        """The worker stops before the job is done: another may go on with it at once."""
        ...
