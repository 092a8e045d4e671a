"""Two results side by side: which differences are more than noise.

The rule: of the measures that both have, a difference of medians counts if it exceeds both `least` of the first median
and what chance makes of it. Chance is given `FALSE_ALARMS` for a whole comparison, shared evenly among its measures
(Bonferroni), and its reach is that of `benchmarks.spread.difference_of`. A measure that is exact has no noise: any
difference counts. Where nothing was measured twice and no stray is known nobody can know, and no difference counts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, median

from benchmarks.pace import ALIKE
from benchmarks.record import OF_THE_MACHINE, Measure, Record
from benchmarks.spread import difference_of

FALSE_ALARMS = 0.05
LEAST = 0.03
"""Differences below this share are of no interest, however certain."""


class Verdict(StrEnum):
    BETTER = "better"
    WORSE = "worse"
    OTHER = "other"
    """Changed, where neither more nor less is better."""
    SAME = "same"
    UNKNOWN = "unknown"
    """Nothing was measured twice, or nothing in common."""
    GONE = "gone"
    NEW = "new"


COUNTING = frozenset({Verdict.BETTER, Verdict.WORSE, Verdict.OTHER})


@dataclass(frozen=True, slots=True)
class Compared:
    """A measure in both results. `difference`: second minus first, in the measure's unit; `noise`: its reach."""

    key: str
    unit: str
    first: float
    second: float
    difference: float
    noise: float | None
    verdict: Verdict

    @property
    def change(self) -> float:
        """As a share of the first."""
        return self.difference / abs(self.first) if self.first else 0.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """`notes` say why the two may not be comparable."""

    rows: Sequence[Compared]
    notes: Sequence[str]

    @property
    def worse(self) -> list[Compared]:
        return [row for row in self.rows if row.verdict is Verdict.WORSE]

    @property
    def changed(self) -> list[Compared]:
        return [row for row in self.rows if row.verdict in COUNTING]


def compare(
    first: Record,
    second: Record,
    least: float = LEAST,
    any_machine: bool = True,
    least_of_machine: float | None = None,
) -> Comparison:
    """Without `any_machine`, what depends on the machine is compared only where both have the same one, at the same
    pace. `least_of_machine`: from which share on such differences count, where that is another than `least`."""
    old = {measure.key: measure for measure in first.measures}
    new = {measure.key: measure for measure in second.measures}
    same_machine = machine_of(first) == machine_of(second) and abs(slower_by(first, second)) < ALIKE
    common = [key for key in old if key in new and (any_machine or same_machine or old[key].unit not in OF_THE_MACHINE)]
    judged = sum(not old[key].exact and old[key].stray != 0 for key in common)  # the others leave nothing to chance
    chance, of_machine = FALSE_ALARMS / max(1, judged), least if least_of_machine is None else least_of_machine
    rows = [
        _compared(old[key], new[key], chance, of_machine if old[key].unit in OF_THE_MACHINE else least)
        for key in common
    ]
    rows += [_alone(measure, Verdict.GONE) for key, measure in old.items() if key not in new]
    rows += [_alone(measure, Verdict.NEW) for key, measure in new.items() if key not in old]
    return Comparison(rows, differences_of(first, second))


def _compared(first: Measure, second: Measure, chance: float, least: float) -> Compared:
    old, new = first.in_blocks(), second.in_blocks()
    if first.exact:
        return _exact(first, second)
    try:
        found = difference_of(old, new, chance, max(_strays(first, second), default=None))
    except ValueError:
        return _row(first, second, math.nan, None, Verdict.UNKNOWN)
    reach = None if found.noise is None else max(found.noise, least * abs(first.spread.median))
    if reach is None:
        verdict = Verdict.UNKNOWN
    else:
        verdict = _direction(first, found.difference) if abs(found.difference) > reach else Verdict.SAME
    return _row(first, second, found.difference, reach, verdict)


def _strays(*measures: Measure) -> list[float]:
    return [measure.stray for measure in measures if measure.stray is not None]


def _exact(first: Measure, second: Measure) -> Compared:
    """By the mean of the samples of what both have measured; each block counts once."""
    old, new = first.in_blocks(), second.in_blocks()
    common = sorted(set(old) & set(new))
    if not common:
        return _row(first, second, math.nan, None, Verdict.UNKNOWN)
    shifts = [math.fsum(new[name]) / len(new[name]) - math.fsum(old[name]) / len(old[name]) for name in common]
    difference = math.fsum(shifts) / len(shifts)
    # what is worse in one block is not made good by what is better in another
    sign = -1 if first.better == "higher" else 1
    worst = max(shifts, key=lambda shift: sign * shift)
    if first.better != "neither" and sign * worst > 0:
        difference = worst if sign * difference <= 0 else difference
    return _row(first, second, difference, 0.0, _direction(first, difference) if difference else Verdict.SAME)


def _direction(measure: Measure, difference: float) -> Verdict:
    if measure.better == "neither":
        return Verdict.OTHER
    return Verdict.BETTER if (difference < 0) == (measure.better == "lower") else Verdict.WORSE


def _row(first: Measure, second: Measure, difference: float, noise: float | None, verdict: Verdict) -> Compared:
    def centre(measure: Measure) -> float:
        return measure.spread.mean if measure.exact else median(measure.samples)

    return Compared(first.key, first.unit, centre(first), centre(second), difference, noise, verdict)


def _alone(measure: Measure, verdict: Verdict) -> Compared:
    value = measure.spread.median
    first, second = (value, math.nan) if verdict is Verdict.GONE else (math.nan, value)
    return Compared(measure.key, measure.unit, first, second, math.nan, None, verdict)


def machine_of(record: Record) -> tuple[str, int, tuple[str, ...]]:
    """What makes one machine as fast as another: processor, cores it may use, cards."""
    machine = record.machine
    return (
        str(machine.get("processor", "")),
        int(machine.get("usable_cores") or 0),
        tuple(str(card) for card in machine.get("gpus", ())),
    )


def slower_by(first: Record, second: Record) -> float:
    """By which share the machine itself took longer the second time for the same work; 0 where nobody knows."""
    paces = []
    for record in (first, second):
        sides = [record.load.get(side) or {} for side in ("before", "after")]
        paces.append([float(side["pace_seconds"]) for side in sides if side.get("pace_seconds")])
    return fmean(paces[1]) / fmean(paces[0]) - 1 if all(paces) else 0.0


def differences_of(first: Record, second: Record) -> list[str]:
    """What else differs between the two, in words."""
    notes = []
    if first.benchmark != second.benchmark:
        notes.append(f"different benchmarks: {first.benchmark} and {second.benchmark}")
    if machine_of(first) != machine_of(second):
        notes.append(f"different machines: {machine_of(first)} and {machine_of(second)}")
    elif abs(slower := slower_by(first, second)) >= ALIKE:
        notes.append(f"the machine itself was {abs(slower):.0%} {'slower' if slower > 0 else 'faster'} the second time")
    hashes = [record.configuration.get("sha256") for record in (first, second)]
    if hashes[0] != hashes[1]:
        notes.append(f"different configurations: {hashes[0]} and {hashes[1]}")
    names = sorted(set(first.arguments) | set(second.arguments))
    notes += [
        f"{name} was {first.arguments.get(name)!r} and is {second.arguments.get(name)!r}"
        for name in names
        if first.arguments.get(name) != second.arguments.get(name)
    ]
    for which, record in (("first", first), ("second", second)):
        if busy := busy_note(record):
            notes.append(f"{which}: {busy}")
    return notes


def busy_note(record: Record) -> str:
    """What speaks against a record: the machine had other work before it began. "" where nothing does."""
    cores = int(record.machine.get("usable_cores") or 1)
    average = (record.load.get("before") or {}).get("average") or [0.0]
    if average[0] > 0.5 * cores:
        return f"the machine was busy before the measurement began, load {average[0]} on {cores} cores"
    return ""
