"""A folder of results as one page of Markdown, with plots."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.comparison import busy_note
from benchmarks.plots import plot
from benchmarks.record import Record, read_record
from benchmarks.soak.plot import plot_soak
from benchmarks.tables import HEADINGS, as_markdown, record_rows
from deployments.errors import BadInput, NotFound

NAME = "report.md"
OWN_PLOTS: Mapping[str, Callable[[Record, Path], Path]] = {"soak": plot_soak}
"""Benchmarks that are shown otherwise than measure by measure."""


def records_in(folder: Path) -> tuple[list[tuple[Path, Record]], list[str]]:
    """The results in a folder, the oldest first, and the names of JSON files that are none, or are of before measures
    were in them. Raises NotFound where there is no result."""
    found, others = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            record = read_record(path)
        except BadInput:
            others.append(path.name)
            continue
        if record.measures:
            found.append((path, record))
        else:
            others.append(path.name)
    if not found:
        raise NotFound(f"There are no results with measures in {folder}. Make some: avatar bench run")
    return sorted(found, key=lambda one: str(one[1].machine.get("measured_at", ""))), others


def write_report(folder: Path, target: Path, plots: bool = True) -> list[Path]:
    """Writes report.md into `target`, with a PNG for each result where `plots`. Returns what was written, the page
    first. Raises NotFound, and Unsupported where matplotlib is not installed."""
    records, others = records_in(folder)
    target.mkdir(parents=True, exist_ok=True)
    pictures = {path: _drawn(record, target / f"{path.stem}.png") for path, record in records} if plots else {}
    lines = ["# Benchmark results", ""]
    for path, record in records:
        lines += section(path, record, pictures.get(path))
    if others:
        lines += [f"Not shown, because they hold no measures: {', '.join(others)}.", ""]
    page = target / NAME
    page.write_text("\n".join(lines))
    return [page, *pictures.values()]


def _drawn(record: Record, target: Path) -> Path:
    return OWN_PLOTS.get(record.benchmark, plot)(record, target)


def section(path: Path, record: Record, picture: Path | None) -> list[str]:
    """One result: with what it was measured, its plot, a table of its measures."""
    machine, load = record.machine, record.load
    when = str(machine.get("measured_at", "")).replace("T", " ")
    cards = ", ".join(machine.get("gpus") or []) or "no GPU"
    arguments = ", ".join(f"{name} {_plain(value)}" for name, value in record.arguments.items()) or "none"
    configuration = record.configuration.get("file") or "a server that was running already"
    digest = str(record.configuration.get("sha256") or "")[:12]
    before, after = (", ".join(str(one) for one in (load.get(side) or {}).get("average", [])) for side in _SIDES)
    lines = [
        f"## {record.benchmark}, {when}",
        "",
        f"{machine.get('processor')}, {machine.get('usable_cores')} cores, {machine.get('memory_gigabytes')} GB; "
        f"{cards}; commit {str(machine.get('commit'))[:12]}{'+changes' if '+' in str(machine.get('commit')) else ''}.",
        f"Configuration {configuration} {digest}; options: {arguments}.",
        f"Load average before {before or '?'}, after {after or '?'}; processors {_busy(load)} busy meanwhile.",
    ]
    if note := busy_note(record):
        lines += ["", f"**Not a quiet machine: {note}.**"]
    if picture is not None:
        lines += ["", f"![{record.benchmark}]({picture.name})"]
    return [*lines, "", *as_markdown(HEADINGS, record_rows(record)), "", f"Raw: `{path.name}`", ""]


_SIDES = ("before", "after")


def _plain(value: object) -> str:
    return (
        " ".join(str(one) for one in value)
        if isinstance(value, Sequence) and not isinstance(value, str)
        else str(value)
    )


def _busy(load: "dict[str, object] | object") -> str:
    share = load.get("busy_share") if isinstance(load, dict) else None
    return f"{share:.0%}" if isinstance(share, float) else "?"
