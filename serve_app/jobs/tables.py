"""The jobs' table, and its rows as jobs."""

from typing import Any

from sqlalchemy import JSON, Column, Float, Index, Integer, RowMapping, String, Table, Text, UniqueConstraint
from sqlalchemy.types import BigInteger

from serve_app.coordinator.database import metadata
from serve_app.jobs.contracts import Job, JobStatus, NewJob

JOBS = Table(
    "jobs",
    metadata,
    # the order of creation, which two jobs of the same moment have too
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    # the order
    Column("owner", String(128), nullable=False),
    Column("script", Text),
    Column("audio_key", String(128)),
    Column("ordered_language", String(16)),
    Column("voice_id", String(128)),
    Column("avatar_id", String(128)),
    Column("seed", BigInteger, nullable=False),
    Column("callback_url", Text),
    Column("idempotency_key", String(256)),
    Column("fingerprint", String(64), nullable=False),
    # how it stands
    Column("status", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("progress", Integer, nullable=False, default=0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("worker", String(128)),
    Column("started_at", Float),
    Column("completed_at", Float),
    Column("expires_at", Float),
    Column("language", String(16)),
    Column("transcript", Text, nullable=False, default=""),
    Column("clauses", JSON(none_as_null=True)),
    Column("parts", JSON, nullable=False, default=list),
    Column("content", String(128)),
    Column("seconds", Float, nullable=False, default=0.0),
    Column("error_code", String(64)),
    Column("error_message", Text),
    Column("durations", JSON, nullable=False, default=dict),
    # the queue's own: who may work on it until when, attempts since the last progress, when to try again and to tell
    Column("token", String(64)),
    Column("leased_until", Float),
    Column("stalls", Integer, nullable=False, default=0),
    Column("not_before", Float, nullable=False, default=0.0),
    Column("callback_due_at", Float),
    Column("callback_attempts", Integer, nullable=False, default=0),
    UniqueConstraint("owner", "idempotency_key"),
    Index("jobs_by_status", "status", "sequence"),
    sqlite_autoincrement=True,
)

_ORDERED = ("id", "owner", "script", "audio_key", "voice_id", "avatar_id", "seed", "callback_url", "idempotency_key")
_ADVANCED = ("progress", "language", "transcript", "content", "seconds", "error_code", "error_message", "durations")
_KEPT = ("id", "created_at", "attempts", "worker", "started_at", "completed_at", "expires_at", *_ADVANCED)


def row_of(order: NewJob) -> dict[str, Any]:
    """The columns that an order fills."""
    ordered = {name: getattr(order, name) for name in _ORDERED}
    return {**ordered, "ordered_language": order.language, "fingerprint": order.fingerprint}


def progress_of(job: Job) -> dict[str, Any]:
    """The columns that a worker changes."""
    advanced = {name: getattr(job, name) for name in _ADVANCED}
    clauses = None if job.clauses is None else list(job.clauses)
    return {**advanced, "clauses": clauses, "parts": list(job.parts)}


def job_of(row: RowMapping) -> Job:
    order = NewJob(
        **{name: row[name] for name in _ORDERED}, language=row["ordered_language"], fingerprint=row["fingerprint"]
    )
    return Job(
        **{name: row[name] for name in _KEPT},
        order=order,
        status=JobStatus(row["status"]),
        clauses=None if row["clauses"] is None else tuple(row["clauses"]),
        parts=tuple(row["parts"]),
    )
