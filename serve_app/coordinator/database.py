"""The Coordinator's state on disk: one SQLite file (or any SQLAlchemy URL), reached from one thread."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, event, insert, select
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import StaticPool

from deployments.errors import EngineFailed, Unsupported

logger = logging.getLogger("ray.serve")
T = TypeVar("T")

SCHEMA_VERSION = 1
"""Raised whenever a table changes. A file of another version is refused and left as it is."""

metadata = MetaData()
"""Every table of the state belongs to it. Those that are imported before the first `run` are made by it."""

_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True, autoincrement=False))


class Database:
    """Opens at its first use. All that blocks runs on one thread, one transaction after the other.

    What `run` has returned from is on the disk: in WAL mode with `synchronous=FULL`, even a power cut keeps it.
    """

    def __init__(self, url: str, busy_seconds: float = 10.0) -> None:
        """`url`: ~ stands for this user's home; `sqlite://` is memory, for this object alone. A write waits
        `busy_seconds` for another process's."""
        self._url = _with_home(make_url(url))
        self._busy_seconds = busy_seconds
        self._thread = ThreadPoolExecutor(1, "state")
        self._engine: Engine | None = None

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, which is given a connection in a transaction of its own: committed when it returns,
        rolled back when it raises. Raises EngineFailed where the database cannot be used, Unsupported for a file of
        another version."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work)

    async def open(self) -> None:
        """Makes the folder, the file and the tables where there are none. Raises as `run` does."""
        await self.run(lambda connection: None)

    def close(self) -> None:
        """Waits for what runs. Nothing can be run afterwards."""
        self._thread.submit(self._dispose)
        self._thread.shutdown(wait=True)

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        if self._engine is None:
            self._engine = self._opened()
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except OperationalError as error:
            raise self._unusable(error) from error

    def _opened(self) -> Engine:
        sqlite = self._url.get_backend_name() == "sqlite"
        try:
            engine = create_engine(self._url, **(self._sqlite_options() if sqlite else {"pool_pre_ping": True}))
            if sqlite:
                event.listen(engine, "connect", self._prepare)
                event.listen(engine, "begin", _begin)
            with engine.begin() as connection:
                metadata.create_all(connection)
                _check_version(connection, self._url)
        except (DatabaseError, OSError) as error:
            raise self._unusable(error) from error
        return engine

    def _sqlite_options(self) -> dict[str, Any]:
        if self._url.database in (None, "", ":memory:"):
            return {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
        file = Path(str(self._url.database))
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)  # it holds what people have said
        return {"connect_args": {"timeout": self._busy_seconds}}

    def _prepare(self, connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # transactions are begun by `_begin`, at once and for writing
        connection.execute(f"PRAGMA busy_timeout={round(1000 * self._busy_seconds)}")
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    def _dispose(self) -> None:
        if self._engine is not None:
            self._engine.dispose()

    def _unusable(self, error: Exception) -> EngineFailed:
        logger.error("the state database failed", exc_info=error)
        return EngineFailed(
            f"The state at {self._url.render_as_string()} cannot be used: {getattr(error, 'orig', None) or error}. "
            "Check that its folder can be written and its disk has room; a damaged file has to be moved away."
        )


def _with_home(url: URL) -> URL:
    file = url.database
    if url.get_backend_name() != "sqlite" or not file or not file.startswith("~"):
        return url
    return url.set(database=str(Path(file).expanduser()))


def _begin(connection: Connection) -> None:
    # two processes that read and then write would otherwise fail, not wait
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _check_version(connection: Connection, url: URL) -> None:
    version = connection.scalar(select(_version.c.version))
    if version is None:
        connection.execute(insert(_version).values(version=SCHEMA_VERSION))
    elif version != SCHEMA_VERSION:
        raise Unsupported(
            f"The state at {url.render_as_string()} is of version {version}, this application's of {SCHEMA_VERSION}. "
            "Move it away, name another one in coordinator.database_url, or run the application that wrote it."
        )
