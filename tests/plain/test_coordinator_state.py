"""What the Coordinator keeps on disk: sessions, over restarts and until their grace is over; and the file itself."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from deployments.contracts import Message
from deployments.errors import EngineFailed, NotFound, Unsupported
from serve_app.coordinator.contracts import SessionSnapshot
from serve_app.coordinator.database import SCHEMA_VERSION, Database
from serve_app.coordinator.desks import FrontDesk, desks_in_memory
from serve_app.coordinator.sessions import SessionStore
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.jobs.settings import JobSettings

SPOKEN = (Message("user", "¿Qué tal?"), Message("assistant", "很好。"))


class Clock:
    """Unix seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/deep/state.db"


def store(url: str, clock: Clock, **knobs: Any) -> SessionStore:
    return SessionStore(
        Database(url), CoordinatorSettings(**{"grace_seconds": 60, "settle_seconds": 0, **knobs}), clock=clock
    )


def snapshot(epoch: int = 0, **changes: Any) -> SessionSnapshot:
    given: dict[str, Any] = {"session_id": "s1", "token": "secret", "owner": "ana", "messages": SPOKEN, "data": "{}"}
    return SessionSnapshot(epoch=epoch, **{**given, **changes})


async def test_a_session_outlives_the_process_that_saved_it(url: str, clock: Clock) -> None:
    assert await store(url, clock).save(snapshot(data='{"voice": "x"}'))
    resumed = await store(url, clock).resume("s1", "secret", "ana")
    assert resumed == snapshot(epoch=1, data='{"voice": "x"}')
    again = await store(url, clock).resume("s1", "secret", "ana")
    assert again.epoch == 2


async def test_a_newer_connection_owns_the_session(url: str, clock: Clock) -> None:
    sessions = store(url, clock)
    await sessions.save(snapshot())
    resumed = await sessions.resume("s1", "secret", "ana")
    assert not await sessions.save(snapshot(messages=())), "the older connection's"
    assert await sessions.save(snapshot(resumed.epoch, messages=SPOKEN[:1]))
    assert (await sessions.resume("s1", "secret", "ana")).messages == SPOKEN[:1]


async def test_after_a_start_what_has_to_be_saved_comes_before_what_is_resumed(url: str, clock: Clock) -> None:
    await store(url, clock).save(snapshot(messages=SPOKEN[:1]))
    restarted = store(url, clock, settle_seconds=0.3)
    resumed = asyncio.create_task(restarted.resume("s1", "secret", "ana"))
    await asyncio.sleep(0.05)
    assert await restarted.save(snapshot()), "the older connection's, which waited for the restart"
    assert (await resumed).messages == SPOKEN


@pytest.mark.parametrize(
    ("session_id", "token", "owner"), [("s2", "secret", "ana"), ("s1", "guess", "ana"), ("s1", "secret", "ben")]
)
async def test_others_learn_nothing(url: str, clock: Clock, session_id: str, token: str, owner: str) -> None:
    sessions = store(url, clock)
    await sessions.save(snapshot())
    with pytest.raises(NotFound) as refused:
        await sessions.resume(session_id, token, owner)
    with pytest.raises(NotFound) as unknown:
        await sessions.resume("nobody", "x", "x")
    assert refused.value.message == unknown.value.message


async def test_a_session_ends_with_its_grace_period(url: str, clock: Clock) -> None:
    sessions = store(url, clock)
    await sessions.save(snapshot())
    clock.now += 61
    with pytest.raises(NotFound):
        await sessions.resume("s1", "secret", "ana")


async def test_an_open_connection_keeps_its_session_over_a_restart_too(url: str, clock: Clock) -> None:
    first = store(url, clock)
    await first.save(snapshot())
    for _ in range(10):
        clock.now += 30
        first.hold(("s1",))
        await first.sweep()
    second = store(url, clock)
    clock.now += 50
    assert (await second.resume("s1", "secret", "ana")).messages == SPOKEN


async def test_what_has_expired_is_deleted(tmp_path: Path, url: str, clock: Clock) -> None:
    sessions = store(url, clock)
    await sessions.save(snapshot())
    await sessions.save(snapshot(session_id="s2"))
    sessions.hold(("s2",))
    clock.now += 61
    sessions.hold(("s2",))
    await sessions.sweep()
    with sqlite3.connect(tmp_path / "deep" / "state.db") as file:
        assert file.execute("select session_id from sessions").fetchall() == [("s2",)]


async def test_a_goodbye_forgets_at_once(url: str, clock: Clock) -> None:
    sessions = store(url, clock)
    await sessions.save(snapshot())
    for _ in range(2):
        await sessions.drop("s1")
    with pytest.raises(NotFound):
        await sessions.resume("s1", "secret", "ana")


async def test_the_token_is_not_in_the_file_and_others_cannot_read_it(tmp_path: Path, url: str, clock: Clock) -> None:
    await store(url, clock).save(snapshot())
    folder = tmp_path / "deep"
    assert folder.stat().st_mode & 0o777 == 0o700
    for file in folder.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
        assert b"secret" not in file.read_bytes()


async def test_signs_of_life_hold_sessions(clock: Clock) -> None:
    sessions = SessionStore(Database("sqlite://"), CoordinatorSettings(grace_seconds=60, settle_seconds=0), clock=clock)
    people = FrontDesk(CoordinatorSettings(), sessions)
    await sessions.save(snapshot())
    for _ in range(3):
        clock.now += 50
        await people.beat("g1", (), ("s1",))
    assert (await sessions.resume("s1", "secret", "ana")).epoch == 1


async def test_desks_in_memory_share_nothing() -> None:
    one, other = (desks_in_memory(CoordinatorSettings(), JobSettings()) for _ in range(2))
    await one.sessions.save(snapshot())
    with pytest.raises(NotFound):
        await other.sessions.resume("s1", "secret", "ana")


async def test_a_file_of_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    database = Database(f"sqlite:///{file}")
    await database.open()
    database.close()
    with sqlite3.connect(file) as connection:
        connection.execute("update schema_version set version = 99")
    with pytest.raises(Unsupported, match=rf"version 99, this application.s of {SCHEMA_VERSION}\..*Move it away"):
        await Database(f"sqlite:///{file}").open()
    with sqlite3.connect(file) as connection:
        assert connection.execute("select version from schema_version").fetchall() == [(99,)]


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(b"this is no database" * 100)
    with pytest.raises(EngineFailed, match=r"state\.db cannot be used"):
        await Database(f"sqlite:///{file}").open()


async def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    await Database("sqlite:///~/share/state.db").open()
    assert (tmp_path / "share" / "state.db").exists()


async def test_two_processes_may_write(url: str, clock: Clock) -> None:
    """Each store has its own thread and connection, as two replicas have during a roll-out."""
    stores = [store(url, clock) for _ in range(2)]
    saved = [stores[n % 2].save(snapshot(session_id=f"s{n}")) for n in range(40)]
    assert all(await asyncio.gather(*saved))


async def test_a_write_waits_only_so_long(url: str, tmp_path: Path, clock: Clock) -> None:
    sessions = SessionStore(Database(url, busy_seconds=0.05), CoordinatorSettings(), clock=clock)
    await sessions.save(snapshot())
    with sqlite3.connect(tmp_path / "deep" / "state.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(EngineFailed, match="locked"):
            await sessions.save(snapshot())
        other.execute("ROLLBACK")
    assert await sessions.save(snapshot())
