"""The one format of a benchmark's result: JSON that says where, with what and how it was measured, and every sample.

A record has measures, which programs compare and plot, and figures, which are whatever else the benchmark has noted.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.spread import Spread, spread_of
from deployments.errors import BadInput

FORMAT = 1
SECONDS, RATIO, SPEED, COUNT, SHARE, BYTES, PER_HOUR, FRAMES = "s", "s/s", "s/s", "", "share", "bytes", "1/h", "frames"
"""Units. s/s is a real-time factor (seconds of work for a second of media, less is better) or a speed (seconds of
media made in a second, more is better): `better` tells which."""
OF_THE_MACHINE = frozenset({"s", "ms", "s/s", "1/s", "1/h", "bytes", "frames"})
"""Units of what another machine gives other figures for."""

NO_GROUP: Mapping[str, str | int] = {}


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that was measured, with every sample.

    `group` says of what, where there are several: {"language": "en"}, {"speakers": 2}. `blocks` names what each sample
    was taken of, where that differs within a measure: the question, the phrase. `better` is lower, higher or neither.
    `exact`: each sample is right or wrong and not subject to chance, so any change for the worse counts. `stray`: by
    how much a sample strays by chance, a standard deviation in its unit, where that is known from elsewhere: what gives
    the same samples again and again may still differ by as much from its like. 0 where there is no chance in it.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    better: str = "lower"
    group: Mapping[str, str | int] = field(default_factory=dict)
    blocks: tuple[str, ...] = ()
    exact: bool = False
    stray: float | None = None

    def __post_init__(self) -> None:
        if not self.samples:
            raise ValueError(f"{self.name} has no samples")
        if not all(math.isfinite(sample) for sample in self.samples):
            raise ValueError(f"{self.name} has samples that are no numbers: {self.samples}")
        if self.blocks and len(self.blocks) != len(self.samples):
            raise ValueError(f"{self.name} has {len(self.samples)} samples of {len(self.blocks)} blocks")
        if self.better not in ("lower", "higher", "neither"):
            raise ValueError(f"{self.name}: better is {self.better!r}, neither lower, higher nor neither")

    @property
    def key(self) -> str:
        """Unique in a record: first_fragment [language=en]."""
        group = ", ".join(f"{name}={value}" for name, value in self.group.items())
        return f"{self.name} [{group}]" if group else self.name

    @property
    def spread(self) -> Spread:
        return spread_of(self.samples)

    def in_blocks(self) -> dict[str, list[float]]:
        """The samples by what they were taken of."""
        found: dict[str, list[float]] = {}
        for name, sample in zip(self.blocks or ("",) * len(self.samples), self.samples, strict=True):
            found.setdefault(name, []).append(sample)
        return found

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit": self.unit,
            "better": self.better,
            "group": dict(self.group),
            "exact": self.exact,
            "stray": self.stray,
            **self.spread.as_json(),
            "samples": list(self.samples),
            "blocks": list(self.blocks),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Measure":
        return cls(
            content["name"],
            content["unit"],
            tuple(content["samples"]),
            content["better"],
            content["group"],
            tuple(content["blocks"]),
            content["exact"],
            content.get("stray"),
        )


@dataclass(frozen=True, slots=True)
class Record:
    """A result. `machine` holds processor, memory, versions, commit and time; `load` how busy the machine was before
    and after; `configuration` which one was run, with a hash of what it says."""

    benchmark: str
    command: Sequence[str]
    arguments: Mapping[str, Any]
    machine: Mapping[str, Any]
    load: Mapping[str, Any]
    configuration: Mapping[str, Any]
    measures: Sequence[Measure]
    figures: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "benchmark": self.benchmark,
            "command": list(self.command),
            "arguments": dict(self.arguments),
            "machine": dict(self.machine),
            "load": dict(self.load),
            "configuration": dict(self.configuration),
            "measures": [measure.as_json() for measure in self.measures],
            "figures": dict(self.figures),
        }

    def write(self, path: Path) -> Path:
        keys = [measure.key for measure in self.measures]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"measured twice under one name: {', '.join(twice)}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n")
        return path


def read_record(path: Path) -> Record:
    """Also a file of before this format, which has figures and no measures. Raises BadInput for anything else."""
    try:
        content = json.loads(path.read_text())
        return Record(
            content["benchmark"],
            content["command"],
            content.get("arguments", {}),
            content["machine"],
            content.get("load", {}),
            content.get("configuration", {}),
            [Measure.from_json(measure) for measure in content.get("measures", [])],
            content["figures"],
        )
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path} is not the result of a benchmark: {error!r}") from error


def configuration_of(config: Path | None, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What was run: the file's name, a hash of what it says (comments and order do not matter), and what of its `args`
    a benchmark has changed. None is a server that was running already: nobody here knows what it runs."""
    if config is None:
        return {"file": None, "sha256": None, "changes": {}}
    said = [yaml.safe_load(config.read_text()), changes or {}]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
    return {"file": config.name, "sha256": digest, "changes": dict(changes or {})}


def measures_of(
    rows: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    better: str = "lower",
    block: str = "",
    group: Mapping[str, str | int] = NO_GROUP,
) -> list[Measure]:
    """Rows of figures as measures: one for each of `names` (→ unit) that some row has, with a sample from each such
    row. `block` is the field that says what a row is of."""
    found = []
    for name, unit in names.items():
        having = [row for row in rows if row.get(name) is not None]
        if having:
            samples = tuple(float(row[name]) for row in having)
            blocks = tuple(str(row[block]) for row in having) if block else ()
            found.append(Measure(name, unit, samples, better, dict(group), blocks))
    return found
