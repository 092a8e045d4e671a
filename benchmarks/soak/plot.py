"""A soak as a picture: everything over time, with the deaths of replicas as marks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.plots import load_pyplot
from benchmarks.record import Record
from benchmarks.soak.watch import CLIENT, OTHERS

COLOURS = {
    "TTS": "#1f77b4",
    "LLM": "#ff7f0e",
    "ASR": "#2ca02c",
    "Video": "#9467bd",
    "Gateway": "#8c564b",
    "Coordinator": "#bcbd22",
    "ProxyActor": "#e377c2",
    CLIENT: "#d62728",
    OTHERS: "#aaaaaa",
    "total": "#000000",
}
MARK, MARK_STYLE = "#888888", (0, (1, 2))
STATUS_COLOURS = {"completed": "#1f5fa8", "cancelled": "#c9a21a", "failed": "#b5261f", "incomplete": "#c05a1a"}
OTHER_COLOUR = "#7a4fa3"
FRAME_MILLISECONDS = 40.0
LEAST_SECONDS = 0.1
"""What is shorter is not drawn."""
MEBIBYTE = 2**20


def plot_soak(record: Record, target: Path) -> Path:
    """Memory, descriptors, tasks, threads, what answers are like. Raises Unsupported where matplotlib is missing."""
    pyplot = load_pyplot()
    figures = record.figures
    series, diary = figures["series"], figures["diary"]
    picture, axes = pyplot.subplots(3, 2, figsize=(15, 12.5), constrained_layout=True, sharex=True)
    _by_kind(axes[0][0], "memory (PSS), MiB, logarithmic", series, "resident_bytes", MEBIBYTE)
    _by_kind(axes[0][1], "open descriptors, logarithmic", series, "descriptors", 1)
    _tasks(axes[1][0], series)
    _by_kind(axes[1][1], "threads, logarithmic", series, "threads", 1)
    _offsets(axes[2][0], diary["answers"])
    _waits(axes[2][1], diary["answers"])
    for number, place in enumerate(axes.flat):
        _deaths(place, diary["killed"], named=number < 2)
        place.grid(axis="y", color="#eeeeee", zorder=0)
        place.tick_params(labelsize=8)
    for place in axes[-1]:
        place.set_xlabel("minutes", fontsize=9)
    picture.suptitle(_title(record), fontsize=10)
    picture.savefig(target, dpi=100)
    pyplot.close(picture)
    return target


def _title(record: Record) -> str:
    machine, diary = record.machine, record.figures["diary"]
    wrong = len(record.figures["wrong"]) + diary["wrong_beyond"]
    return (
        f"soak: {diary['minutes']:.0f} minutes, {len(diary['answers'])} answers, {len(diary['killed'])} replicas "
        f"killed (dotted), {sum(one['count'] for one in diary['uploads'])} bad uploads; "
        f"{f'{wrong} things wrong' if wrong else 'nothing wrong'}\n"
        f"{machine.get('processor')}, {machine.get('usable_cores')} cores, {machine.get('measured_at')}"
    )


def lines_of(columns: Mapping[str, Sequence[float | None]]) -> dict[str, list[float | None]]:
    """Our kinds of processes, each a line, and the sum of the others; those with the highest figures first."""
    found = {kind: list(columns[kind]) for kind in columns if kind in COLOURS}
    rest = [columns[kind] for kind in columns if kind not in COLOURS]
    if rest:
        found[OTHERS] = [sum(value or 0 for value in values) for values in zip(*rest, strict=True)]
    return dict(sorted(found.items(), key=lambda one: -_peak(one[1])))


def _peak(values: Sequence[float | None]) -> float:
    return max((value for value in values if value is not None), default=0.0)


def _by_kind(axes: Any, title: str, series: Mapping[str, Any], name: str, unit: float) -> None:
    minutes = series["minutes"]
    for kind, values in lines_of(series[name]).items():
        drawn = [None if value is None else value / unit for value in values]
        known = [float("nan") if value is None else value for value in drawn]
        axes.plot(minutes, known, label=kind, color=COLOURS[kind], linewidth=1.8 if kind == "total" else 1.2)
    axes.set_title(title, fontsize=9)
    _logarithmic(axes)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _logarithmic(axes: Any) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _tasks(axes: Any, series: Mapping[str, Any]) -> None:
    for name, label in (("gateway_tasks", "the gateway with the most"), ("client_tasks", "the client")):
        values = [float("nan") if value is None else value for value in series[name]]
        axes.plot(series["minutes"], values, label=label, linewidth=1.3)
    axes.set_ylim(bottom=0)
    axes.set_title("asyncio tasks", fontsize=9)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _offsets(axes: Any, answers: Sequence[Mapping[str, Any]]) -> None:
    """End of sound less end of picture, and by how much the two differ in length."""
    rows = [row for row in answers if row["end_offset_ms"] is not None]
    for name, label, marker in (("end_offset_ms", "ends apart", "o"), ("drift_ms", "lengths differ by", "x")):
        points = [(row["at_minutes"], row[name]) for row in rows if row[name] is not None]
        if points:
            axes.plot(*zip(*points, strict=True), marker, markersize=4, label=label, linestyle="none", zorder=3)
    reach = max([FRAME_MILLISECONDS, *(abs(row["end_offset_ms"]) for row in rows)])
    axes.set_ylim(-1.15 * reach, 1.15 * reach)
    for level in (-FRAME_MILLISECONDS, FRAME_MILLISECONDS):
        axes.axhline(level, color="#b5261f", linewidth=0.8, linestyle="--")
    axes.set_title("sound less picture in each answer, ms; one frame is 40 ms (dashed)", fontsize=9)
    if rows:
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _waits(axes: Any, answers: Sequence[Mapping[str, Any]]) -> None:
    """From the question's end to the first media, by what became of the answer; and how long it stood still."""
    for status in dict.fromkeys(row["status"] for row in answers):
        rows = [row for row in answers if row["status"] == status]
        points = [(row["at_minutes"], row["first_seconds"]) for row in rows if row["first_seconds"] is not None]
        if points:
            colour = STATUS_COLOURS.get(status, OTHER_COLOUR)
            axes.plot(*zip(*points, strict=True), "o", markersize=4, color=colour, label=f"first media, {status}")
        lost = [row["at_minutes"] for row in rows if row["first_seconds"] is None]
        if lost:
            colour = STATUS_COLOURS.get(status, OTHER_COLOUR)
            axes.plot(lost, [LEAST_SECONDS] * len(lost), "v", markersize=6, color=colour, label=f"no media, {status}")
    still = [(row["at_minutes"], row["late_seconds"]) for row in answers if row["late_seconds"] > LEAST_SECONDS]
    if still:
        axes.plot(*zip(*still, strict=True), "+", markersize=6, color="#b5261f", label="stood still for")
    axes.set_title("seconds from the question's end to the first media, and stalls of the player", fontsize=9)
    if answers:
        _logarithmic(axes)
        axes.set_ylim(bottom=0.9 * LEAST_SECONDS)
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)


def _deaths(axes: Any, killed: Sequence[Sequence[Any]], *, named: bool) -> None:
    for minutes, deployment in killed:
        axes.axvline(minutes, color=MARK, linewidth=0.9, linestyle=MARK_STYLE, zorder=1)
        if named:
            axes.annotate(
                deployment,
                (minutes, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(1, -2),
                textcoords="offset points",
                rotation=90,
                va="top",
                fontsize=6,
                color=MARK,
            )
