"""What the processes of an application have worked, by their part in it."""

import os
from collections.abc import Mapping
from pathlib import Path

from benchmarks.application import family_of
from benchmarks.realtime_memory import kind_of

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def processor_seconds(process_id: int) -> dict[int, tuple[str, float]]:
    """Of a process and all its descendants that live now: what it is (a deployment's name, a daemon's program), and
    the CPU seconds of all its threads in user and system mode since its start (proc(5): utime and stime)."""
    found = {}
    for child in family_of(process_id):
        try:
            fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            continue  # it has just ended
        found[child] = (kind_of(command), (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND)
    return found


def worked_between(before: Mapping[int, tuple[str, float]], after: Mapping[int, tuple[str, float]]) -> dict[str, float]:
    """CPU seconds by part. A process that has ended in between is not in it; one that has begun is, as a whole."""
    parts: dict[str, float] = {}
    for process_id, (kind, seconds) in after.items():
        parts[kind] = parts.get(kind, 0.0) + seconds - before.get(process_id, (kind, 0.0))[1]
    return parts
