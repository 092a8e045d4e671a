"""What the gold set gave before, and what has become worse since."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.comparison import LEAST, Comparison, compare
from benchmarks.record import Record, read_record
from benchmarks.tables import as_text, shown

FILE = Path(__file__).with_name("baseline.json")
HEADINGS = (
    *("test", "way", "good", "media s", "seconds", "factor", "errors", "asr", "llm", "tts", "video"),
    *("lips", "off ms", "voice"),
)
_FIGURES = ("media_seconds", "seconds", "real_time_factor", "error_rate")
_STAGES = ("stage_asr", "stage_llm", "stage_tts", "stage_video")
_SEEN = ("lip_sync", "lip_sync_off", "voice_by_judge")


def against(record: Record, baseline: Path | None, slower: float = LEAST) -> Comparison | None:
    """The record beside the baseline, None where there is none. What depends on the machine is compared only where it
    is the same one at the same pace, and counts from the share `slower` on. Raises BadInput for a file that is no
    result."""
    if baseline is None or not baseline.exists():
        return None
    return compare(read_record(baseline), record, any_machine=False, least_of_machine=slower)


def failures(record: Record) -> list[str]:
    """Tests that did not come out right, in words."""
    return [
        f"{line['phrase']}, {line['path']}: {'; '.join(line['wrong'])}"
        for line in record.figures["by_test"]
        if line["wrong"]
    ]


def table(record: Record) -> list[str]:
    """A line for each test: medians of its rounds."""
    return as_text(HEADINGS, [_row(line) for line in record.figures["by_test"]])


def _row(line: Mapping[str, Any]) -> tuple[str, ...]:
    def cell(name: str) -> str:
        value = line.get(name)
        return "-" if value is None else shown(float(value), "")

    good = f"{line['success']:.0f}/{line['rounds']}"
    return (line["phrase"], line["path"], good, *(cell(name) for name in (*_FIGURES, *_STAGES, *_SEEN)))
