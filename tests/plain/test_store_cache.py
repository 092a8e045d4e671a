"""The cached reader: bounded in bytes, and it forgets what was deleted."""

from pathlib import Path

import pytest

from deployments.errors import NotFound
from deployments.store.cache import CachedReader
from deployments.store.settings import StoreSettings
from deployments.store.store import PORTRAITS, Store

MEGABYTE = 1_000_000


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class CountingStore(Store):
    reads = 0

    def get(self, kind: str, id: str) -> bytes:
        self.reads += 1
        return super().get(kind, id)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    store = CountingStore(tmp_path)
    for name in "abc":
        store.put(PORTRAITS, name, name.encode() * MEGABYTE)
    return store


def test_second_use_does_not_read(store: CountingStore) -> None:
    reader = CachedReader(store, PORTRAITS, StoreSettings())
    assert reader("a") == reader("a")
    assert store.reads == 1


def test_least_recently_used_goes_first(store: CountingStore) -> None:
    reader = CachedReader(store, PORTRAITS, StoreSettings(cache_megabytes=2))
    for name in ("a", "b", "a", "c"):
        reader(name)
    assert reader.held_bytes == 2 * MEGABYTE
    reader("a")
    assert store.reads == 3
    reader("b")
    assert store.reads == 4


def test_a_bound_of_zero_keeps_nothing(store: CountingStore) -> None:
    reader = CachedReader(store, PORTRAITS, StoreSettings(cache_megabytes=0))
    reader("a")
    reader("a")
    assert store.reads == 2 and reader.held_bytes == 0


@pytest.mark.parametrize("seconds", [5.0, 50.0])
def test_deleted_blob_is_forgotten_after_the_set_time(store: CountingStore, seconds: float) -> None:
    clock = Clock()
    reader = CachedReader(store, PORTRAITS, StoreSettings(revalidate_seconds=seconds), clock)
    reader("a")
    store.delete(PORTRAITS, "a")
    clock.now = seconds - 0.1
    assert reader("a")
    clock.now = seconds
    with pytest.raises(NotFound):
        reader("a")
    assert reader.held_bytes == 0


def test_still_there_is_not_read_again(store: CountingStore) -> None:
    clock = Clock()
    reader = CachedReader(store, PORTRAITS, StoreSettings(), clock)
    reader("a")
    clock.now = 1000.0
    reader("a")
    assert store.reads == 1


def test_unknown_id(store: CountingStore) -> None:
    with pytest.raises(NotFound):
        CachedReader(store, PORTRAITS, StoreSettings())("nobody")


def test_settings_refuse_unknown_keys() -> None:
    with pytest.raises(ValueError, match="uri"):
        StoreSettings.model_validate({"uri": "/tmp"})
