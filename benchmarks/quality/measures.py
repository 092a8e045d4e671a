"""Films' figures as the measures that `avatar bench compare` and `avatar bench report` read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.quality.measure import Quality
from benchmarks.quality.metrics import BLINKS_FROM_SECONDS, BLINKS_WITHIN, METRICS, beyond, values_of
from benchmarks.record import Measure
from deployments.llm.language import language_of
from serve_app.turn_report import report_in

Row = Mapping[str, Any]
A_MINUTE = "1/min"


def film_row(quality: Quality, film: str, language: str) -> dict[str, Any]:
    """A film's figures by the names of their measures. `film`: what tells it from others of its language, and is the
    same in the next result: the phrase that is said in it."""
    return {"film": film, "language": language, **values_of(quality)}


def film_measures(rows: Sequence[Row]) -> list[Measure]:
    """By the language of the film; each film is a block."""
    found: list[Measure] = []
    for language in sorted({row["language"] for row in rows}):
        own = [row for row in rows if row["language"] == language]
        found += measures_in(own, {"language": language}) + blinking(own, {"language": language})
    return found


def measures_in(rows: Sequence[Row], group: Mapping[str, str | int]) -> list[Measure]:
    """Of films that belong together, all but the rate of blinks."""
    found: list[Measure] = []
    for metric in METRICS:
        wanted = [(metric.name, metric.better, metric.stray)]
        if metric.within is not None:
            wanted.append((f"{metric.name}_beyond", "lower", 0.0))
        for name, better, stray in wanted:
            having = [row for row in rows if row.get(name) is not None]
            if having:
                samples = tuple(float(row[name]) for row in having)
                films = tuple(str(row["film"]) for row in having)
                found.append(Measure(name, metric.unit, samples, better, dict(group), films, stray=stray))
    return found


def blinking(rows: Sequence[Row], group: Mapping[str, str | int]) -> list[Measure]:
    """Blinks a minute over all films of each round, which is the first where none is told, and how far that is from
    what people do; the latter where there is enough film to say."""
    rates: list[float] = []
    seconds: list[float] = []
    for number in sorted({row.get("round", 0) for row in rows}):
        own = [row for row in rows if row.get("round", 0) == number and row.get("blinks") is not None]
        if own:
            seconds.append(sum(row["film_seconds"] for row in own))
            rates.append(60 * sum(row["blinks"] for row in own) / seconds[-1])
    if not rates:
        return []
    found = [Measure("blinks", A_MINUTE, tuple(rates), "neither", dict(group))]
    if min(seconds) >= BLINKS_FROM_SECONDS:
        away = tuple(beyond(rate, BLINKS_WITHIN) for rate in rates)
        found.append(Measure("blinks_beyond", A_MINUTE, away, "lower", dict(group), stray=0.0))
    return found


def language_in(film: Path, quality: Quality, given: str | None = None) -> str:
    """Of the speech: what was given, what the film's report says, or what was heard is in; "unknown" without them."""
    report = report_in(film.read_bytes())
    if given or report:
        return given or (report.language if report else "")
    return language_of(quality.understood.heard) if quality.understood else "unknown"
