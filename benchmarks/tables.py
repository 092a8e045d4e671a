"""Records and comparisons as lines of text, for a terminal and for Markdown."""

import math
from collections.abc import Sequence

from benchmarks.comparison import Compared, Comparison, Verdict
from benchmarks.record import Measure, Record

_MEGA, _KILO = 1e6, 1e3
HEADINGS = ("measure", "unit", "median", "min", "max", "p95", "MAD", "n")


def shown(value: float, unit: str) -> str:
    """With three digits that matter; bytes as megabytes."""
    if math.isnan(value):
        return "-"
    if unit == "bytes":
        return f"{value / _MEGA:.1f} MB" if abs(value) >= _MEGA else f"{value / _KILO:.1f} kB"
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def measure_row(measure: Measure) -> tuple[str, ...]:
    spread, unit = measure.spread, measure.unit
    values = (spread.median, spread.min, spread.max, spread.p95, spread.mad)
    return (measure.key, unit, *(shown(value, unit) for value in values), str(spread.count))


def comparison_row(row: Compared) -> tuple[str, ...]:
    noise = "unknown" if row.noise is None else shown(row.noise, row.unit)
    change = "" if math.isnan(row.difference) else f"{row.change:+.1%}"
    sides = (shown(row.first, row.unit), shown(row.second, row.unit))
    return (row.key, row.unit, *sides, shown(row.difference, row.unit), change, noise, row.verdict.value)


COMPARED_HEADINGS = ("measure", "unit", "first", "second", "difference", "change", "noise", "verdict")
_ORDER = (Verdict.WORSE, Verdict.BETTER, Verdict.OTHER, Verdict.GONE, Verdict.NEW, Verdict.UNKNOWN, Verdict.SAME)


def comparison_rows(comparison: Comparison) -> list[tuple[str, ...]]:
    """What got worse first, what is the same last."""
    return [comparison_row(row) for row in sorted(comparison.rows, key=lambda row: _ORDER.index(row.verdict))]


def record_rows(record: Record) -> list[tuple[str, ...]]:
    return [measure_row(measure) for measure in record.measures]


def as_text(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns of equal width: the first two to the left, figures to the right."""
    table = [headings, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
    lines = []
    for row in table:
        cells = [
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def as_markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    sides = ["---" if column < 2 else "---:" for column in range(len(headings))]
    table = [headings, sides, *([text.replace("|", "\\|") for text in row] for row in rows)]
    return ["| " + " | ".join(row) + " |" for row in table]
