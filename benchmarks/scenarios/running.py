"""A scenario from its start to the file that it leaves."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.machine import RESULTS_FOLDER, load_now, write_result
from benchmarks.record import Record, configuration_of, read_record
from benchmarks.scenarios.contracts import Bench, Outcome, Scenario
from deployments.errors import BadInput, EngineFailed


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run: of what server or configuration, where its result goes, and the words it was asked for with."""

    options: Mapping[str, Any]
    config: Path
    command: Sequence[str]
    url: str | None = None
    port: int = 8000
    folder: Path = RESULTS_FOLDER


def perform(scenario: Scenario, wanted: Wanted, tell: Callable[[str], None]) -> tuple[Path, Record]:
    """Runs it and writes its record. Raises AvatarError: BadInput for a server where the scenario needs its own, and
    EngineFailed where nothing could be measured."""
    if wanted.url is not None and not scenario.remote:
        raise BadInput(f"{scenario.name} starts the application itself. Leave out --url.")
    return recorded(scenario.name, scenario.load(), wanted, tell)


def recorded(
    name: str, run: Callable[[Bench], Outcome], wanted: Wanted, tell: Callable[[str], None]
) -> tuple[Path, Record]:
    before, start = load_now(with_pace=True), time.perf_counter()
    bench = Bench(wanted.options, tell, wanted.url, wanted.config, wanted.port)
    try:
        outcome = run(bench)
    except (RuntimeError, OSError, ValueError, httpx.HTTPError) as error:
        raise EngineFailed(f"{name} could not be measured: {error!r}") from error
    if not outcome.measures:
        raise EngineFailed(f"{name} has measured nothing: its options leave nothing to do.")
    path = write_result(
        name,
        wanted.command,
        {**outcome.figures, "wall_seconds": round(time.perf_counter() - start, 2)},
        wanted.folder,
        outcome.measures,
        arguments=dict(wanted.options),
        configuration=configuration_of(None if wanted.url else wanted.config, bench.changes),
        before=before,
    )
    return path, read_record(path)
