"""What a soak has shown: measures, and in words what must not be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.realtime_memory import thirds
from benchmarks.record import BYTES, COUNT, SECONDS, SHARE, Measure
from benchmarks.soak.diary import AnswerRow, Diary
from benchmarks.soak.series import FIGURES, each_of_kind, growth_in_lives, in_all, series_of
from benchmarks.soak.watch import OURS, Sample

MILLISECONDS = "ms"
LEAST_MINUTES = 10.0
"""In less, memory and descriptors are not judged: they still grow because everything is new."""
LEAST_ANSWERS = 6


@dataclass(frozen=True, slots=True)
class Limits:
    """What is still flat. Of memory: all processes together, and one of a kind, by a share of the first third and some
    bytes; of descriptors and threads: a process's, by so many, and of descriptors by so many a minute of its life (a
    leak of one in each answer is more; the threads of a process are of pools, and of the answers that it makes now); of
    descriptors and tasks at rest: by so many; of picture and sound: how far the middle of their offset moves."""

    total_share: float = 0.05
    kind_share: float = 0.10
    kind_bytes: int = 32 * 2**20
    process_count: float = 12.0
    descriptors_a_minute: float = 2.0
    rest_descriptors: int = 16
    rest_tasks: int = 2
    drift_ms: float = 10.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A soak that is over. `before` and `after`: the application at rest. `to_die`: deployments whose replicas were to
    be killed."""

    diary: Diary
    samples: Sequence[Sample]
    before: Sample
    after: Sample
    to_die: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`wrong` names everything that must not be; good is none."""

    measures: Sequence[Measure]
    figures: Mapping[str, Any]
    wrong: Sequence[str]


def verdict(watched: Watched, limits: Limits | None = None) -> Verdict:
    """Judges what can be judged: a short soak's memory cannot."""
    limits, diary, samples = limits or Limits(), watched.diary, watched.samples
    long_enough = bool(samples) and samples[-1].minutes - samples[0].minutes >= LEAST_MINUTES
    growing = [*memory_wrong(samples, limits), *counts_wrong(samples, limits)] if long_enough else []
    wrong = [*diary.wrong, *growing, *rest_wrong(watched.before, watched.after, limits)]
    wrong += [*drift_wrong(diary.answers, limits), *missing(watched)]
    count = len(wrong) + diary.wrong_beyond
    measures = [Measure("wrong", COUNT, (float(count),), exact=True), *answer_measures(diary), *growths(samples)]
    figures = {
        "wrong": wrong,
        "memory_and_descriptors_judged": long_enough,
        "diary": diary.as_json(),
        "series": series_of(samples),
        "growth_in_lives_a_minute": lives(samples),
        "at_rest": {"before": rest_of(watched.before), "after": rest_of(watched.after)},
    }
    return Verdict(measures, figures, wrong)


def missing(watched: Watched) -> list[str]:
    """A soak in which nothing happened, or that saw nothing, has shown nothing."""
    diary, found = watched.diary, []
    if not watched.samples:
        found.append("nothing was watched")
    if not any(row.status == "completed" for row in diary.answers):
        found.append("not one answer was completed")
    if watched.to_die and not diary.killed:
        found.append(f"no replica of {', '.join(watched.to_die)} was found to be killed")
    if watched.before.gateway_tasks and not watched.after.gateway_tasks:
        found.append("at rest no gateway has told of its tasks")
    return found


def memory_wrong(samples: Sequence[Sample], limits: Limits) -> list[str]:
    """What has grown from the first third to the last: a process of each kind, and one of all kinds together."""
    found, totals = [], [0.0, 0.0]
    for kind, points in each_of_kind(samples, FIGURES["resident_bytes"]).items():
        first, last = thirds(points)
        totals = [totals[0] + first, totals[1] + last]
        if kind in OURS and last > first * (1 + limits.kind_share) + limits.kind_bytes:
            found.append(f"{kind} has grown from {first / 2**20:.0f} to {last / 2**20:.0f} MiB")
    if totals[1] > totals[0] * (1 + limits.total_share):
        found.append(f"all together have grown from {totals[0] / 2**20:.0f} to {totals[1] / 2**20:.0f} MiB")
    return found


def counts_wrong(samples: Sequence[Sample], limits: Limits) -> list[str]:
    """Descriptors and threads that become more and more, over the whole time or over each process's life."""
    found = []
    for name in ("descriptors", "threads"):
        for kind, points in each_of_kind(samples, FIGURES[name]).items():
            if kind not in OURS:
                continue
            first, last = thirds(points)
            if last > first + limits.process_count:
                found.append(f"{kind} has gone from {first:.0f} to {last:.0f} {name}")
            slope = growth_in_lives(samples, kind, FIGURES[name])
            if name == "descriptors" and slope is not None and slope > limits.descriptors_a_minute:
                found.append(f"{kind} gains {slope:.1f} {name} in each minute of its life")
    return found


def rest_wrong(before: Sample, after: Sample, limits: Limits) -> list[str]:
    """What is still there when everybody has gone, and was not before anybody came."""
    found = []
    was, now = most_of_kind(before), most_of_kind(after)
    for kind in sorted(was.keys() & now.keys() & OURS):
        if now[kind] > was[kind] + limits.rest_descriptors:
            found.append(f"at rest {kind} has {now[kind]} descriptors, and had {was[kind]}")
    if before.gateway_tasks and after.gateway_tasks:
        for task, count in sorted(after.gateway_tasks.items()):
            if count > before.gateway_tasks.get(task, 0) + limits.rest_tasks:
                had = before.gateway_tasks.get(task, 0)
                found.append(f"at rest a gateway has {count} tasks of {task}, and had {had}")
    if after.client_tasks > before.client_tasks + limits.rest_tasks:
        found.append(f"at rest the client has {after.client_tasks} tasks, and had {before.client_tasks}")
    return found


def most_of_kind(sample: Sample) -> dict[str, int]:
    """Descriptors of the process of each kind that has the most."""
    found: dict[str, int] = {}
    for one in sample.processes:
        found[one.kind] = max(one.descriptors, found.get(one.kind, 0))
    return found


def drift_wrong(answers: Sequence[AnswerRow], limits: Limits) -> list[str]:
    """Picture and sound that part further and further, answer by answer."""
    points = [(row.at_minutes, row.end_offset_ms) for row in answers if row.end_offset_ms is not None]
    if len(points) < LEAST_ANSWERS:
        return []
    first, last = thirds(points)
    if abs(last - first) <= limits.drift_ms:
        return []
    return [f"the ends of picture and sound have moved from {first:.0f} to {last:.0f} ms apart"]


def answer_measures(diary: Diary) -> list[Measure]:
    """Of the answers that their listeners had, of deaths and of bad uploads."""
    rows = diary.answers
    completed = [row for row in rows if row.status == "completed"]
    columns: dict[tuple[str, str], list[float]] = {
        ("first_media_seconds", SECONDS): [row.first_seconds for row in completed if row.first_seconds is not None],
        ("late_seconds", SECONDS): [row.late_seconds for row in completed],
        ("end_offset", MILLISECONDS): [abs(row.end_offset_ms) for row in rows if row.end_offset_ms is not None],
        ("drift", MILLISECONDS): [abs(row.drift_ms) for row in rows if row.drift_ms is not None],
        ("gaps", COUNT): [float(row.gaps) for row in rows if row.end_offset_ms is not None],
    }
    found = [Measure(name, unit, tuple(samples)) for (name, unit), samples in columns.items() if samples]
    if rows:
        found.append(Measure("completed_share", SHARE, (len(completed) / len(rows),), "higher"))
        found.append(Measure("answers", COUNT, (float(len(rows)),), "neither"))
    for name, count in (("killed", len(diary.killed)), ("uploads", diary.uploads.total())):
        found.append(Measure(name, COUNT, (float(count),), "neither"))
    return found


def growths(samples: Sequence[Sample]) -> list[Measure]:
    """From the first third to the last, by kind of process, all of a kind together; and the tasks of the gateways."""
    found = []
    for name, unit in (("resident_bytes", BYTES), ("descriptors", COUNT), ("threads", COUNT)):
        for kind, points in sorted(in_all(samples, FIGURES[name]).items()):
            first, last = thirds(points)
            values = tuple(value for _, value in points)
            found.append(Measure(name.removesuffix("_bytes"), unit, values, "lower", {"kind": kind}))
            found.append(
                Measure(f"{name.removesuffix('_bytes')}_growth", unit, (last - first,), "lower", {"kind": kind})
            )
    tasks = [float(sum(sample.gateway_tasks.values())) for sample in samples if sample.gateway_tasks]
    return [*found, Measure("gateway_tasks", COUNT, tuple(tasks))] if tasks else found


def lives(samples: Sequence[Sample]) -> dict[str, dict[str, float]]:
    """By figure and kind."""
    kinds = sorted({one.kind for sample in samples for one in sample.processes})
    found: dict[str, dict[str, float]] = {name: {} for name in FIGURES}
    for name, of in FIGURES.items():
        for kind in kinds:
            if (slope := growth_in_lives(samples, kind, of)) is not None:
                found[name][kind] = round(slope, 3)
    return found


def rest_of(sample: Sample) -> dict[str, Any]:
    return {
        "descriptors": most_of_kind(sample),
        "gateway_tasks": sample.gateway_tasks,
        "client_tasks": sample.client_tasks,
        "stored_files": sample.stored_files,
        "stored_bytes": sample.stored_bytes,
    }
