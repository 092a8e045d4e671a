"""What a soak looks at every few seconds: memory, descriptors, threads and tasks, by kind of process, and the store."""

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.application import family_of
from benchmarks.realtime_memory import kind_of

CLIENT = "client"
"""The kind of the process that watches, in which the clients of the soak run."""
OURS = frozenset({"Gateway", "Coordinator", "ASR", "LLM", "TTS", "Video", "ProxyActor", CLIENT})
"""Kinds of processes that are looked at one by one: those that our code runs in, and the proxy, which holds our
sockets."""
OTHERS = "Ray's own and the rest"
"""All other kinds together. Ray's daemons keep something of each worker that ever was, as its log monitor does."""
_TASKS = re.compile(r"^ray_avatar_gateway_tasks_count\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Process:
    """`resident`: bytes, PSS: shared pages are split among their users. `descriptors`: open files and sockets."""

    id: int
    kind: str
    resident: int
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. `gateway_tasks`: asyncio tasks of the gateway that has the most, by the coroutine's name; empty where
    none was heard of. `client_tasks`: all in the watching process. `stored_files`, `stored_bytes`: in the store."""

    minutes: float
    processes: tuple[Process, ...]
    gateway_tasks: dict[str, int]
    client_tasks: int
    stored_files: int
    stored_bytes: int


def process_of(process_id: int) -> Process | None:
    """None where it has ended, or is not ours to read."""
    folder = Path(f"/proc/{process_id}")
    try:
        rollup = (folder / "smaps_rollup").read_text()
        command = " ".join(
            part.decode(errors="replace") for part in (folder / "cmdline").read_bytes().split(b"\0")[:3]
        ).strip()
        descriptors = len(os.listdir(folder / "fd"))
        status = (folder / "status").read_text()
    except OSError:
        return None
    resident = next((int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    threads = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("Threads:")), 0)
    kind = CLIENT if process_id == os.getpid() else kind_of(command)
    return Process(process_id, kind, resident, descriptors, threads)


def processes_of(process_id: int) -> tuple[Process, ...]:
    """An application's, by the process that began it, and the one that watches."""
    found = (process_of(one) for one in {*family_of(process_id), os.getpid()})
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.id))


def tasks_in(exported: str) -> dict[str, int]:
    """Of the gateway that has the most, what Prometheus is told. A dead gateway's last words count for a while."""
    gateways: dict[str, dict[str, int]] = {}
    for labels, value in _TASKS.findall(exported):
        named = dict(_LABEL.findall(labels))
        gateway = named.get("replica", "") or named.get("WorkerId", "")
        gateways.setdefault(gateway, {})[named.get("task", "all")] = int(float(value))
    return max(gateways.values(), key=lambda counts: sum(counts.values()), default={})


def kept_in(folder: Path | None) -> tuple[int, int]:
    """Files and their bytes."""
    files = bytes_kept = 0
    for place, _, names in os.walk(folder) if folder is not None else ():
        for name in names:
            try:
                bytes_kept += os.stat(os.path.join(place, name)).st_size
            except OSError:
                continue  # deleted just now
            files += 1
    return files, bytes_kept


class Watch:
    """Looks again and again, from the event loop that the clients run on."""

    def __init__(
        self,
        process_id: int,
        minutes: Callable[[], float],
        exporters: Callable[[], Sequence[str]] = list,
        store: Path | None = None,
    ) -> None:
        """`process_id`: what began the application. `minutes`: the clock. `exporters`: addresses of Ray's metrics,
        asked for each time. `store`: the folder of uploads and jobs."""
        self.samples: list[Sample] = []
        self._process_id, self._minutes, self._exporters, self._store = process_id, minutes, exporters, store

    @property
    def hears(self) -> bool:
        """Whether there is anybody who could tell of a gateway's tasks."""
        return bool(self._exporters())

    async def look(self) -> Sample:
        """Now."""
        minutes = self._minutes()
        processes, kept = await asyncio.gather(
            asyncio.to_thread(processes_of, self._process_id), asyncio.to_thread(kept_in, self._store)
        )
        tasks = tasks_in(await self._exported())
        return Sample(minutes, processes, tasks, len(asyncio.all_tasks()), *kept)

    async def run(self, every_seconds: float) -> None:
        """Adds a sample now and then; never returns."""
        while True:
            self.samples.append(await self.look())
            await asyncio.sleep(every_seconds)

    async def _exported(self) -> str:
        found = []
        async with httpx.AsyncClient(timeout=5) as client:
            for address in self._exporters():
                try:
                    found.append((await client.get(address)).text)
                except httpx.HTTPError:
                    continue  # the next sample will have it
        return "\n".join(found)
