"""Who has promised how much of a card: one small JSON file for each card of a machine, written under a lock."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

LOCK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Promise:
    """One process's. `started` tells a process from a later one of the same number: its start in clock ticks after
    the machine's."""

    process_id: int
    started: int
    who: str
    bytes: int


def started_at(process_id: int) -> int | None:
    """Field 22 of /proc/<pid>/stat; None where there is no such process any more, or only its corpse."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


class Ledger:
    """The promises on one card. Those of dead processes are dropped whenever it is read."""

    def __init__(self, folder: Path, card_uuid: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{card_uuid}.json"
        self._lock = FileLock(f"{self._path}.lock", timeout=LOCK_SECONDS)

    def enter(self, who: str, promised_bytes: int, most_bytes: int) -> list[Promise] | None:
        """Writes down this process's promise in place of an earlier one of its own. None: done; otherwise the
        promises of others that leave no room for it under `most_bytes`."""
        with self._opened() as promises:
            mine = os.getpid()
            others = [promise for promise in promises.values() if promise.process_id != mine]
            if promised_bytes + sum(promise.bytes for promise in others) > most_bytes:
                return others
            promises[mine] = Promise(mine, started_at(mine) or 0, who, promised_bytes)
        return None

    def leave(self) -> None:
        """Takes this process's promise back. Nothing happens where there is none."""
        with self._opened() as promises:
            promises.pop(os.getpid(), None)

    def promises(self) -> list[Promise]:
        """Those of living processes."""
        with self._opened() as promises:
            return list(promises.values())

    @contextmanager
    def _opened(self) -> Iterator[dict[int, Promise]]:
        with self._lock:
            promises = {promise.process_id: promise for promise in self._read() if _alive(promise)}
            yield promises
            self._write(promises)

    def _read(self) -> list[Promise]:
        try:
            return [Promise(**entry) for entry in json.loads(self._path.read_text())]
        except (OSError, ValueError, TypeError):
            return []  # the first to come, or a file that was cut short: living replicas enter again at their start

    def _write(self, promises: Mapping[int, Promise]) -> None:
        whole = self._path.with_suffix(".new")
        whole.write_text(json.dumps([asdict(promise) for promise in promises.values()]))
        whole.replace(self._path)


def _alive(promise: Promise) -> bool:
    return started_at(promise.process_id) == promise.started
