"""Conversations that can be resumed: the last snapshot of each, until its grace period is over."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import asdict

from sqlalchemy import Column, Float, Integer, String, Table, Text, delete, func, select, update
from sqlalchemy.engine import Connection, Row

from deployments.contracts import Message
from deployments.errors import NotFound
from serve_app.coordinator.contracts import SessionSnapshot
from serve_app.coordinator.database import Database, metadata
from serve_app.coordinator.meter import PeopleMeter, Unwatched
from serve_app.coordinator.settings import CoordinatorSettings

_sessions = Table(
    "sessions",
    metadata,
    Column("session_id", String(128), primary_key=True),
    Column("token_hash", String(64), nullable=False),
    Column("owner", String(128), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("messages", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("seen_at", Float, nullable=False, index=True),
)
_SWEEP_SECONDS = 20.0


class SessionStore:
    """Implements `Sessions`. `clock` is wall time in Unix seconds, as what is stored outlives the process.

    The token is stored as its hash. A session lives for `grace_seconds` after it was last saved or held open. For
    `settle_seconds` after a start nothing is resumed: what gateways could not save meanwhile has to come first, as a
    resumed session refuses what its older connection saves.
    """

    def __init__(
        self,
        database: Database,
        settings: CoordinatorSettings,
        meter: PeopleMeter | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._grace_seconds = settings.grace_seconds
        self._meter = meter or Unwatched()
        self._clock = clock
        self._held: dict[str, float] = {}
        self._next_sweep = clock() + _SWEEP_SECONDS
        self._settled_at = time.monotonic() + settings.settle_seconds

    async def save(self, snapshot: SessionSnapshot) -> bool:
        """See `Sessions.save`."""
        return await self._database.run(lambda connection: _save(connection, snapshot, self._clock()))

    async def resume(self, session_id: str, token: str, owner: str) -> SessionSnapshot:
        """See `Sessions.resume`."""
        await asyncio.sleep(max(0.0, self._settled_at - time.monotonic()))

        def work(connection: Connection) -> SessionSnapshot:
            row = connection.execute(select(_sessions).where(_sessions.c.session_id == session_id)).first()
            if row is None or not hmac.compare_digest(row.token_hash, _hash(token)) or row.owner != owner:
                raise _unknown()
            now = self._clock()
            if max(row.seen_at, self._held.get(session_id, 0.0)) < now - self._grace_seconds:
                raise _unknown()
            raised = update(_sessions).where(_sessions.c.session_id == session_id)
            connection.execute(raised.values(epoch=row.epoch + 1, seen_at=now))
            return _snapshot(row, token)

        return await self._database.run(work)

    async def drop(self, session_id: str) -> None:
        """See `Sessions.drop`."""
        self._held.pop(session_id, None)
        await self._database.run(
            lambda connection: connection.execute(delete(_sessions).where(_sessions.c.session_id == session_id))
        )

    def hold(self, session_ids: tuple[str, ...]) -> None:
        """These have an open connection now."""
        now = self._clock()
        for session_id in session_ids:
            self._held[session_id] = now

    async def sweep(self) -> None:
        """Deletes what has expired, if it was not looked for lately. Those held open are stored as such, so that a
        restart does not shorten their grace."""
        now = self._clock()
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_SECONDS
        held = {session_id: at for session_id, at in self._held.items() if at > now - self._grace_seconds}
        self._held = dict(held)

        def work(connection: Connection) -> int:
            for session_id, at in held.items():
                touched = update(_sessions).where(_sessions.c.session_id == session_id, _sessions.c.seen_at < at)
                connection.execute(touched.values(seen_at=at))
            connection.execute(delete(_sessions).where(_sessions.c.seen_at < now - self._grace_seconds))
            return connection.scalar(select(func.count()).select_from(_sessions)) or 0

        self._meter.sessions(await self._database.run(work))


def _save(connection: Connection, snapshot: SessionSnapshot, now: float) -> bool:
    mine = _sessions.c.session_id == snapshot.session_id
    epoch = connection.scalar(select(_sessions.c.epoch).where(mine))
    if epoch is not None and epoch > snapshot.epoch:
        return False
    values = {
        "token_hash": _hash(snapshot.token),
        "owner": snapshot.owner,
        "epoch": snapshot.epoch,
        "messages": json.dumps([asdict(message) for message in snapshot.messages], ensure_ascii=False),
        "data": snapshot.data,
        "seen_at": now,
    }
    if epoch is None:
        connection.execute(_sessions.insert().values(session_id=snapshot.session_id, **values))
    else:
        connection.execute(update(_sessions).where(mine).values(**values))
    return True


def _snapshot(row: Row[tuple[object, ...]], token: str) -> SessionSnapshot:
    """With the epoch that its new connection has."""
    messages = tuple(Message(**message) for message in json.loads(row.messages))
    return SessionSnapshot(row.session_id, token, row.owner, row.epoch + 1, messages, row.data)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _unknown() -> NotFound:
    return NotFound("There is no such session to resume: it is unknown, or its grace period is over. Begin a new one.")
