"""A result as a picture: every sample of every measure, medians marked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.record import FRAMES, Measure, Record
from deployments.errors import Unsupported

COLOUR, MEDIAN = "#1f5fa8", "#c05a1a"
MOST_PANELS = 12
FAMILIES = {"stage_": "by stage", "whole_": "by stage, whole", "_frames": "frames"}
"""Measures whose names begin or end so share a panel."""
FIRST = (
    "success",
    "real_time_factor",
    "real_time_factor_with_enrolment",
    "media_seconds_per_second",
    "videos_per_hour",
    "first_fragment_seconds",
    "stall_free_start_seconds",
    "first_speech_seconds",
    "batch_seconds",
    "by stage",
    "by stage, whole",
    "frames",
    "refused_share",
    "error_rate",
)
"""What is shown first, and at all where there is too much; the rest follows as it was measured."""
_SKIPPED = frozenset({"media_seconds"})


def plot(record: Record, target: Path) -> Path:
    """A panel for each measure: along the number in its groups where they have one, else side by side. Raises
    Unsupported where matplotlib is not installed."""
    pyplot = load_pyplot()
    panels = panels_of(record.measures)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    picture, axes = pyplot.subplots(
        rows, columns, figsize=(4.6 * columns, 3.0 * rows), constrained_layout=True, squeeze=False
    )
    for place, (name, measures) in zip(axes.flat, panels.items(), strict=False):
        place.set_title(f"{name}{f', {measures[0].unit}' if measures[0].unit else ''}", fontsize=9)
        _draw(place, measures)
        place.set_ylim(bottom=min(0, place.get_ylim()[0]))
        place.tick_params(labelsize=7)
    for place in axes.flat[len(panels) :]:
        place.set_visible(False)
    about = [str(record.machine.get(name)) for name in ("processor", "usable_cores", "measured_at")]
    picture.suptitle(f"{record.benchmark}: {about[0]}, {about[1]} cores, {about[2]}", fontsize=9)
    picture.savefig(target, dpi=100)
    pyplot.close(picture)
    return target


def load_pyplot() -> Any:
    """matplotlib without a screen. Raises Unsupported where it is not installed."""
    try:
        import matplotlib
    except ImportError as error:
        raise Unsupported(
            "Plots need matplotlib, which is in the extra `plots`: pip install 'realtime-avatar[plots]'. Or leave them "
            "out: --no-plots"
        ) from error
    matplotlib.use("Agg")
    import matplotlib.pyplot as pyplot

    return pyplot


def family_of(measure: Measure) -> str:
    """The panel that a measure goes to."""
    name = measure.name
    if measure.unit == FRAMES:
        return FAMILIES["_frames"]
    return next((family for part, family in FAMILIES.items() if name.startswith(part)), name)


def panels_of(measures: Sequence[Measure]) -> dict[str, list[Measure]]:
    """Measures by panel, as many as a picture can hold, the most telling first."""
    found: dict[str, list[Measure]] = {}
    for measure in measures:
        if measure.name not in _SKIPPED:
            found.setdefault(family_of(measure), []).append(measure)
    names = [name for name in FIRST if name in found] + [name for name in found if name not in FIRST]
    return {name: found[name] for name in names[:MOST_PANELS]}


def label_of(measure: Measure) -> str:
    """What tells it from the others in its panel, but for a number: part of a family, words in its group."""
    words = [str(value) for value in measure.group.values() if isinstance(value, str)]
    if family_of(measure) != measure.name:
        part = measure.name
        for affix in FAMILIES:
            part = part.removeprefix(affix).removesuffix(affix)
        words.insert(0, part)
    return " ".join(words)


def number_of(measure: Measure) -> int | None:
    """The number in its group, such as 2 of {"speakers": 2}."""
    numbers = [value for value in measure.group.values() if isinstance(value, int)]
    return numbers[0] if len(numbers) == 1 else None


def _draw(axes: Any, measures: Sequence[Measure]) -> None:
    """Lines by the words in the groups where all have a number, else one column each."""
    if len(measures) > 1 and all(number_of(measure) is not None for measure in measures):
        lines: dict[str, list[Measure]] = {}
        for measure in measures:
            lines.setdefault(label_of(measure), []).append(measure)
        for words, line in lines.items():
            points = sorted((number_of(measure) or 0, measure.spread.median) for measure in line)
            axes.plot(*zip(*points, strict=True), marker="o", markersize=4, label=words)
            for measure in line:
                axes.plot(
                    [number_of(measure)] * len(measure.samples), measure.samples, ".", color="#999999", markersize=3
                )
        axes.set_xticks(sorted({number_of(measure) or 0 for measure in measures}))
        axes.set_xlabel(
            ", ".join(name for name, value in measures[0].group.items() if isinstance(value, int)), fontsize=8
        )
        if len(lines) > 1:
            axes.legend(fontsize=7)
        return
    for place, measure in enumerate(measures):
        spread = [
            place + 0.3 * (number / max(1, len(measure.samples) - 1) - 0.5) for number in range(len(measure.samples))
        ]
        axes.plot(spread, measure.samples, ".", color=COLOUR, markersize=4)
        axes.plot([place - 0.3, place + 0.3], [measure.spread.median] * 2, color=MEDIAN, linewidth=1.5)
    axes.set_xticks(range(len(measures)))
    labels = [" ".join([label_of(one), *([str(number_of(one))] if number_of(one) else [])]) for one in measures]
    axes.set_xticklabels(
        labels, fontsize=7, rotation=90 if len(labels) > 10 else 30 if len(" ".join(labels)) > 45 else 0
    )
