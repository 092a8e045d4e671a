"""Blobs: whole or not there, under names that cannot leave the store, in a folder and behind a URL alike."""

import hashlib
import os
import threading
import uuid
from pathlib import Path

import pytest

from deployments.errors import BadInput, NotFound
from deployments.store import backends
from deployments.store.backends import TEMPORARY_PREFIX
from deployments.store.store import PORTRAITS, Store


@pytest.fixture(params=["folder", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    addresses = {"folder": str(tmp_path), "file": f"file://{tmp_path}", "memory": f"memory://{uuid.uuid4()}"}
    return Store(addresses[request.param])


def test_content_goes_by_its_hash(store: Store) -> None:
    assert store.add(PORTRAITS, b"photo") == hashlib.sha256(b"photo").hexdigest()
    assert store.add(PORTRAITS, b"photo") == store.list(PORTRAITS)[0]
    assert store.get(PORTRAITS, store.list(PORTRAITS)[0]) == b"photo"


def test_put_replaces_and_lists_in_order(store: Store) -> None:
    store.put(PORTRAITS, "b", b"1")
    store.put(PORTRAITS, "a", b"2")
    store.put(PORTRAITS, "b", b"3")
    assert store.list(PORTRAITS) == ["a", "b"]
    assert store.get(PORTRAITS, "b") == b"3"


def test_kinds_are_apart(store: Store) -> None:
    store.put(PORTRAITS, "a", b"1")
    assert store.list("records") == []
    assert not store.exists("records", "a")


def test_what_is_not_there_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        store.get(PORTRAITS, "nobody")
    with pytest.raises(NotFound):
        store.delete(PORTRAITS, "nobody")
    store.put(PORTRAITS, "somebody", b"1")
    with pytest.raises(NotFound):
        store.get(PORTRAITS, "nobody")


def test_deleted_is_gone(store: Store) -> None:
    store.put(PORTRAITS, "a", b"1")
    store.delete(PORTRAITS, "a")
    assert not store.exists(PORTRAITS, "a") and store.list(PORTRAITS) == []


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden", "a\0b", "a\n", "x" * 129, "é"]
)
def test_names_cannot_leave_the_store(store: Store, name: str) -> None:
    for use in (store.get, store.delete, store.exists):
        with pytest.raises(BadInput):
            use(PORTRAITS, name)
    with pytest.raises(BadInput):
        store.put(PORTRAITS, name, b"")
    with pytest.raises(ValueError, match="kind"):
        store.list(name)


def test_failed_write_leaves_the_old_bytes_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    store.put(PORTRAITS, "a", b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        store.put(PORTRAITS, "a", b"new")
    assert [path.name for path in (tmp_path / PORTRAITS).iterdir()] == ["a"]
    assert store.get(PORTRAITS, "a") == b"old"


def test_what_a_killed_writer_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(PORTRAITS, "a", b"1")
    old, young = (tmp_path / PORTRAITS / f"{TEMPORARY_PREFIX}{name}" for name in ("old", "young"))
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert store.list(PORTRAITS) == ["a"]
    store.put(PORTRAITS, "b", b"1")
    assert not old.exists() and young.exists()


def test_readers_never_see_half_a_blob(tmp_path: Path) -> None:
    store = Store(tmp_path)
    versions = [bytes([value]) * 200_000 for value in range(8)]
    store.put(PORTRAITS, "a", versions[0])

    def write() -> None:
        for data in versions * 3:
            store.put(PORTRAITS, "a", data)

    writer = threading.Thread(target=write)
    writer.start()
    while writer.is_alive():
        assert store.get(PORTRAITS, "a") in versions
    writer.join()


def test_folder_is_the_owners_alone(tmp_path: Path) -> None:
    Store(tmp_path / "new").put(PORTRAITS, "a", b"1")
    assert (tmp_path / "new" / PORTRAITS).stat().st_mode & 0o077 == 0


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    Store("~/kept").put(PORTRAITS, "a", b"1")
    assert (tmp_path / "kept" / PORTRAITS / "a").is_file()


def test_folder_needs_no_fsspec(tmp_path: Path) -> None:
    assert isinstance(Store(tmp_path)._backend, backends.Folder)
