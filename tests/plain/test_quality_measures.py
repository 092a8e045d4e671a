"""What of a film is compared: directions, ranges, how far a measure strays, and the same of other benchmarks."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison import Verdict, compare
from benchmarks.gpu.capacity import Found, Trial, as_measures
from benchmarks.mouth.score import measures as mouth_measures
from benchmarks.quality.measures import blinking, film_measures
from benchmarks.quality.metrics import METRICS, beyond
from benchmarks.quality.remakes import strays
from benchmarks.record import OF_THE_MACHINE, Measure, Record, read_record
from benchmarks.report import write_report
from benchmarks.voice_match import measures as voice_measures

pytestmark = pytest.mark.plain


def record(*measures: Measure) -> Record:
    return Record("quality", [], {}, {}, {}, {}, measures, {})


def verdicts(first: list[Measure], second: list[Measure]) -> dict[str, Verdict]:
    return {row.key: row.verdict for row in compare(record(*first), record(*second)).rows}


def film(name: str = "a", language: str = "en", **values: Any) -> dict[str, Any]:
    """A row of a film whose figures are good."""
    good = {metric.name: 0.5 for metric in METRICS} | {"loudness": -20.0, "head_turning": 2.0}
    away = {f"{metric.name}_beyond": 0.0 for metric in METRICS if metric.within}
    return {"film": name, "language": language, "blinks": 4.0, "film_seconds": 12.0, **good, **away, **values}


def test_metrics_are_of_the_film_and_not_of_the_machine() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert not OF_THE_MACHINE & {metric.unit for metric in METRICS}
    for metric in METRICS:
        assert metric.better != "neither" or metric.within or metric.name == "blink_seconds"


def test_how_far_outside_of_a_range() -> None:
    assert [beyond(value, (10, 30)) for value in (5, 10, 20, 31.5)] == [5, 0, 0, 1.5]
    assert beyond(-9, (None, -1)) == 0 and beyond(1, (None, -1)) == 2 and beyond(-1e9, (0, None)) == 1e9


def test_what_is_measured_once_is_judged_by_what_it_is_known_to_stray() -> None:
    def once(value: float, stray: float | None) -> list[Measure]:
        return [Measure("lip_sync", "", (value,), "higher", blocks=("a",), stray=stray)]

    assert verdicts(once(0.8, None), once(0.4, None)) == {"lip_sync": Verdict.UNKNOWN}
    assert verdicts(once(0.8, 0.0), once(0.75, 0.0)) == {"lip_sync": Verdict.WORSE}
    assert verdicts(once(0.8, 0.03), once(0.75, 0.03)) == {"lip_sync": Verdict.SAME}
    assert verdicts(once(0.8, 0.03), once(0.4, 0.03)) == {"lip_sync": Verdict.WORSE}
    assert verdicts(once(0.8, None), once(0.75, 0.03)) == {"lip_sync": Verdict.SAME}, "either may know"


def test_repeating_the_same_film_makes_nothing_certain() -> None:
    def thrice(value: float) -> list[Measure]:
        return [Measure("lip_sync", "", (value,) * 3, "higher", blocks=("a",) * 3, stray=0.03)]

    assert verdicts(thrice(0.8), thrice(0.75)) == {"lip_sync": Verdict.SAME}
    assert verdicts(thrice(0.8), thrice(0.4)) == {"lip_sync": Verdict.WORSE}


def test_several_films_make_it_more_certain_than_one() -> None:
    def of(count: int, value: float) -> list[Measure]:
        names = tuple(f"film {number}" for number in range(count))
        return [Measure("lip_sync", "", (value,) * count, "higher", blocks=names, stray=0.03)]

    assert verdicts(of(1, 0.8), of(1, 0.7)) == {"lip_sync": Verdict.SAME}
    assert verdicts(of(6, 0.8), of(6, 0.7)) == {"lip_sync": Verdict.WORSE}


def test_the_stray_is_kept_in_the_file(tmp_path: Path) -> None:
    path = record(Measure("a", "", (1.0,), stray=0.25), Measure("b", "", (1.0,))).write(tmp_path / "a.json")
    assert [measure.stray for measure in read_record(path).measures] == [0.25, None]


def test_films_by_language() -> None:
    measures = film_measures([film("a"), film("b", lip_sync=None), film("c", "zh")])
    by_key = {measure.key: measure for measure in measures}
    assert by_key["lip_sync [language=en]"].blocks == ("a",)
    assert by_key["flicker_face [language=en]"].blocks == ("a", "b")
    assert by_key["blinks [language=en]"].samples == (20.0,) and by_key["blinks [language=zh]"].samples == (20.0,)
    assert "blinks_beyond [language=en]" in by_key and "blinks_beyond [language=zh]" not in by_key, "12 s are too few"


def test_what_has_no_direction_is_worse_outside_of_its_range() -> None:
    good = film_measures([film("a"), film("b")])
    still = [film(name, blinks=0.0, head_turning=0.0, head_turning_beyond=0.3) for name in ("a", "b")]
    found = verdicts(good, film_measures(still))
    assert found["blinks_beyond [language=en]"] is Verdict.WORSE
    assert found["head_turning_beyond [language=en]"] is Verdict.WORSE
    more = verdicts(good, film_measures([film(name, blinks=6.0, head_turning=4.0) for name in ("a", "b")]))
    assert Verdict.WORSE not in more.values(), "otherwise, and as good"


def test_blinks_of_each_round_are_counted_together() -> None:
    rows = [film("a", round=0), film("b", round=0, blinks=0.0), film("a", round=1), film("b", round=1, blinks=None)]
    rate, away = blinking(rows, {"language": "en"}), blinking(rows[:2], {"language": "en"})
    assert rate[0].samples == (10.0, 20.0) and [measure.name for measure in away] == ["blinks", "blinks_beyond"]
    assert blinking([{"film": "a", "language": "en"}], {}) == []


def test_what_remakes_of_a_text_stray() -> None:
    rows = [film("a", lip_sync=0.8), film("a", lip_sync=0.9), film("b", lip_sync=0.5), film("b", lip_sync=0.5)]
    rows += [film("c", lip_sync=0.1)]
    found = strays(rows)
    assert found["lip_sync"] == pytest.approx(0.05) and found["gaps"] == 0


def test_a_report_shows_films(tmp_path: Path) -> None:
    record(*film_measures([film("a"), film("b")])).write(tmp_path / "quality-1.json")
    (page,) = write_report(tmp_path, tmp_path / "out", plots=False)
    assert "| lip_sync [language=en] | correlation |" in page.read_text()


# --- other benchmarks ---------------------------------------------------------------------------------------


def test_a_voice_match_that_is_less_like_is_worse() -> None:
    def rows(matched: float) -> list[dict[str, Any]]:
        scores = {what: {"judge": 0.6, "encoder": 0.5} for what in ("default", "unbent", "ceiling")}
        times = {"cpu_seconds_per_second": 0.1, "enrolment_seconds": 3.0}
        return [{"speaker": "a", "language": "en", **scores, "matched": {"judge": matched, "encoder": 0.6}, **times}]

    found = verdicts(voice_measures(rows(0.8)), voice_measures(rows(0.7)))
    assert found["matched_by_judge [language=en]"] is Verdict.WORSE
    assert found["matched_by_encoder [language=en]"] is Verdict.SAME
    assert found["enrolment_seconds [language=en]"] is Verdict.UNKNOWN, "once is not enough for a time"


def test_a_mouth_that_follows_less_is_worse() -> None:
    def table(opening: float, jitter: float) -> list[Measure]:
        return mouth_measures({"kokoro-en": {"net": {"open": opening, "jitter": jitter}}}, {"median_ms": 2.0})

    found = verdicts(table(0.9, 1.0), table(0.8, 1.2))
    assert found["open [set=kokoro-en, by=net]"] is Verdict.WORSE
    assert found["jitter [set=kokoro-en, by=net]"] is Verdict.OTHER and found["group_median_ms"] is Verdict.UNKNOWN


def test_fewer_people_on_a_card_are_worse() -> None:
    def found(people: int) -> list[Measure]:
        return as_measures(Found(people, 1, (Trial(people, 1, 0.7, 0.6),)))

    assert verdicts(found(3), found(2))["people"] is Verdict.WORSE
    assert {measure.key for measure in found(3)} > {"slowest_second [people=3, replicas=1]"}
