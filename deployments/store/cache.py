"""A reader that keeps recently used blobs in memory, within a bound in bytes."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from deployments.errors import NotFound
from deployments.store.settings import StoreSettings
from deployments.store.store import Store


class CachedReader:
    """Loads blobs of one kind through an LRU. Thread-safe.

    A deleted face must not live on in a replica's memory: after `revalidate_seconds` a cached blob is only
    used if the store still has it. Blobs are taken to be immutable.
    """

    def __init__(
        self, store: Store, kind: str, settings: StoreSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._kind = kind
        self._limit_bytes = settings.cache_megabytes * 1_000_000
        self._revalidate_seconds = settings.revalidate_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._blobs: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._held_bytes = 0

    def __call__(self, id: str) -> bytes:
        """The blob. Raises NotFound, also for one that has been deleted."""
        now = self._clock()
        with self._lock:
            held = self._blobs.get(id)
        if held is not None:
            data, checked = held
            if now - checked < self._revalidate_seconds:
                self._keep(id, data, checked)
                return data
            if not self._store.exists(self._kind, id):
                self.forget(id)
                raise NotFound(f"{id!r} was deleted from the {self._kind}.")
        else:
            data = self._store.get(self._kind, id)
        self._keep(id, data, now)
        return data

    def forget(self, id: str) -> None:
        """Drop a blob from memory, if it is held."""
        with self._lock:
            held = self._blobs.pop(id, None)
            if held is not None:
                self._held_bytes -= len(held[0])

    @property
    def held_bytes(self) -> int:
        return self._held_bytes

    def _keep(self, id: str, data: bytes, checked: float) -> None:
        if len(data) > self._limit_bytes:
            return
        with self._lock:
            previous = self._blobs.pop(id, None)
            self._held_bytes += len(data) - (len(previous[0]) if previous else 0)
            self._blobs[id] = (data, checked)
            while self._held_bytes > self._limit_bytes:
                _, (dropped, _) = self._blobs.popitem(last=False)
                self._held_bytes -= len(dropped)
