"""What was watched, as lines over time, and how they go."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.soak.watch import CLIENT, OTHERS, OURS, Process, Sample

SETTLE_MINUTES = 1.0
"""A process's first growth is its start."""
FIGURES: dict[str, Callable[[Process], int]] = {
    "resident_bytes": lambda process: process.resident,
    "descriptors": lambda process: process.descriptors,
    "threads": lambda process: process.threads,
}


def series_of(samples: Sequence[Sample]) -> dict[str, Any]:
    """As JSON, a column each. Figures of processes are by their kind, all of a kind together, None where there was
    none; `total` is all but the watching client."""
    kinds = sorted({one.kind for sample in samples for one in sample.processes})
    found: dict[str, Any] = {"minutes": [round(sample.minutes, 3) for sample in samples]}
    for name, of in FIGURES.items():
        columns: dict[str, list[int | None]] = {
            kind: [_sum(of, [one for one in sample.processes if one.kind == kind]) for sample in samples]
            for kind in kinds
        }
        columns["total"] = [_sum(of, [one for one in sample.processes if one.kind != CLIENT]) for sample in samples]
        found[name] = columns
    found["gateway_tasks"] = [sum(sample.gateway_tasks.values()) or None for sample in samples]
    for name in ("client_tasks", "stored_files", "stored_bytes"):
        found[name] = [getattr(sample, name) for sample in samples]
    return found


def _sum(of: Callable[[Process], int], processes: Sequence[Process]) -> int | None:
    return sum(of(one) for one in processes) if processes else None


def each_of_kind(samples: Sequence[Sample], of: Callable[[Process], int]) -> dict[str, list[tuple[float, float]]]:
    """The mean of each kind's processes over time: what more or fewer replicas do not change."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for sample in samples:
        counts = Counter(one.kind for one in sample.processes)
        sums: Counter[str] = Counter()
        for one in sample.processes:
            sums[one.kind] += of(one)
        for kind, count in counts.items():
            lines.setdefault(kind, []).append((sample.minutes, sums[kind] / count))
    return lines


def in_all(samples: Sequence[Sample], of: Callable[[Process], int]) -> dict[str, list[tuple[float, float]]]:
    """Over time: the sum of each kind of ours, of all others, and of all but the client."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for sample in samples:
        sums: Counter[str] = Counter()
        for one in sample.processes:
            sums[one.kind if one.kind in OURS else OTHERS] += of(one)
            sums["total"] += of(one) if one.kind != CLIENT else 0
        for kind, value in sums.items():
            lines.setdefault(kind, []).append((sample.minutes, float(value)))
    return lines


def growth_in_lives(samples: Sequence[Sample], kind: str, of: Callable[[Process], int]) -> float | None:
    """How a figure of a kind of process grows with a process's age, a minute: one least-squares slope through all of
    their lives, each about its own mean. Where processes are killed again and again, a line over the whole time would
    not show what each of them leaks. None where none lived for long."""
    lives: dict[int, list[tuple[float, float]]] = {}
    for sample in samples:
        for one in sample.processes:
            if one.kind == kind:
                lives.setdefault(one.id, []).append((sample.minutes, float(of(one))))
    above = below = 0.0
    for points in lives.values():
        old = [point for point in points if point[0] >= points[0][0] + SETTLE_MINUTES]
        if len(old) < 3:
            continue
        middle = sum(minutes for minutes, _ in old) / len(old)
        height = sum(value for _, value in old) / len(old)
        above += sum((minutes - middle) * (value - height) for minutes, value in old)
        below += sum((minutes - middle) ** 2 for minutes, _ in old)
    return above / below if below else None
