"""The format of results, and which differences are more than noise."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.comparison import Verdict, busy_note, compare
from benchmarks.machine import load_between, load_now, write_result
from benchmarks.record import Measure, Record, configuration_of, measures_of, read_record
from benchmarks.spread import deviation, difference_of, percentile, spread_of
from deployments.errors import BadInput

MACHINE = {"processor": "Some CPU", "usable_cores": 2, "gpus": []}
CHANCE = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def _same_chance() -> None:
    """Each test draws the same samples, whichever ran before."""
    CHANCE.bit_generator.state = np.random.default_rng(11).bit_generator.state


def record(*measures: Measure, machine: dict[str, Any] = MACHINE, **fields: Any) -> Record:
    known: dict[str, Any] = {"benchmark": "turn", "command": [], "arguments": {}, "load": {}, "figures": {}}
    known |= {"configuration": {"file": "a.yaml", "sha256": "aa"}, "machine": machine, "measures": measures}
    return Record(**(known | fields))


def seconds(centre: float, count: int = 10, spread: float = 0.03, **fields: Any) -> Measure:
    samples = tuple(float(value) for value in CHANCE.normal(centre, spread * centre, count))
    return Measure("first_fragment_seconds", "s", samples, **fields)


def verdict(first: Measure, second: Measure, **options: Any) -> Verdict:
    (row,) = compare(record(first), record(second), **options).rows
    return row.verdict


def test_a_spread_knows_middle_and_tails() -> None:
    spread = spread_of([1, 2, 3, 4, 100])
    assert (spread.count, spread.median, spread.min, spread.max, spread.p95) == (5, 3, 1, 100, 100)
    assert (spread.mad, spread.iqr, spread.mean) == (1, 2, 22)
    assert percentile(list(range(1, 21)), 0.95) == 19
    with pytest.raises(ValueError, match="no samples"):
        spread_of([])
    assert deviation([3.0]) == 0 and deviation(CHANCE.normal(5, 2, 2000).tolist()) == pytest.approx(2, rel=0.1)


def test_a_result_is_written_with_all_that_it_takes_to_judge_it(tmp_path: Path) -> None:
    config = tmp_path / "a.yaml"
    config.write_text("b: 1\na: 2\n")
    measure = Measure("thing", "s", (1.0, 2.0), "lower", {"language": "en"}, ("x", "y"))
    path = write_result(
        "turn", ["a"], {"n": 1}, tmp_path, [measure], arguments={"turns": 2}, configuration=configuration_of(config)
    )
    content = json.loads(path.read_text())
    assert content["format"] == 1 and content["arguments"] == {"turns": 2} and content["figures"] == {"n": 1}
    assert content["machine"]["commit"] and content["machine"]["packages"]["numpy"]
    assert len(content["load"]["before"]["average"]) == 3 and 0 <= content["load"]["busy_share"] <= 1
    (entry,) = content["measures"]
    assert (
        entry["samples"] == [1, 2] and entry["median"] == 1.5 and entry["unit"] == "s" and entry["blocks"] == ["x", "y"]
    )
    again = read_record(path)
    assert again.measures == [measure] and again.benchmark == "turn"
    config.write_text("# words\na: 2\nb: 1\n")
    assert again.configuration == configuration_of(config), "comments and order are not what is run"
    assert configuration_of(config, {"a": 3})["sha256"] != again.configuration["sha256"]
    assert configuration_of(None)["sha256"] is None


def test_what_is_no_result_is_refused_and_old_results_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for text in ("[", "{}", '{"benchmark": 3}'):
        path.write_text(text)
        with pytest.raises(BadInput, match=r"a\.json"):
            read_record(path)
    path.write_text(json.dumps({"benchmark": "old", "command": [], "machine": {}, "figures": {"a": 1}}))
    assert read_record(path).measures == [] and read_record(path).figures == {"a": 1}
    with pytest.raises(ValueError, match="twice"):
        record(seconds(1), seconds(2)).write(path)


@pytest.mark.parametrize(
    "wrong", [{"samples": ()}, {"samples": (float("nan"),)}, {"blocks": ("a",)}, {"better": "faster"}]
)
def test_a_measure_that_says_nothing_is_refused(wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"name": "thing", "unit": "s", "samples": (1.0, 2.0)}
    with pytest.raises(ValueError, match="thing"):
        Measure(**(fields | wrong))


def test_rows_become_measures() -> None:
    rows = [{"a": 1, "q": "x"}, {"a": 3, "b": None, "q": "y"}]
    (found,) = measures_of(rows, {"a": "s", "b": "s"}, "higher", "q", {"n": 2})
    assert found == Measure("a", "s", (1.0, 3.0), "higher", {"n": 2}, ("x", "y")) and found.key == "a [n=2]"


def test_what_exceeds_the_noise() -> None:
    assert verdict(seconds(1.0), seconds(1.0)) is Verdict.SAME
    assert verdict(seconds(1.0), seconds(1.25)) is Verdict.WORSE
    assert verdict(seconds(1.0), seconds(0.8)) is Verdict.BETTER
    assert verdict(seconds(1.0, better="higher"), seconds(0.8, better="higher")) is Verdict.WORSE
    assert verdict(seconds(1.0, better="neither"), seconds(0.8, better="neither")) is Verdict.OTHER
    assert verdict(seconds(1.0, spread=0.5), seconds(1.25, spread=0.5)) is Verdict.SAME, "it is lost in the noise"
    steady = Measure("first_fragment_seconds", "s", (1.0,) * 5), Measure("first_fragment_seconds", "s", (1.02,) * 5)
    assert verdict(*steady) is Verdict.SAME, "two percent are of no interest"
    assert verdict(*steady, least=0.01) is Verdict.WORSE


def test_one_sample_says_nothing_about_noise() -> None:
    assert verdict(seconds(1.0, 1), seconds(2.0, 1)) is Verdict.UNKNOWN
    assert verdict(seconds(1.0, 8), seconds(2.0, 1)) is Verdict.WORSE, "the other side's repetitions tell"


def test_equals_seldom_differ() -> None:
    alarms = 0
    for _ in range(300):
        first, second = ({"": CHANCE.lognormal(0, 0.3, 6).tolist()} for _ in range(2))
        found = difference_of(first, second, 0.05)
        alarms += found.noise is not None and abs(found.difference) > found.noise
    assert alarms < 30


def test_only_like_is_compared_with_like() -> None:
    """Questions take 1, 3 and 9 seconds; all have become 10 % slower, which is little beside what parts them."""
    names = ("a", "b", "c") * 4
    base = {"a": 1.0, "b": 3.0, "c": 9.0}
    old, new = (tuple(float(base[name] * factor * CHANCE.normal(1, 0.01)) for name in names) for factor in (1.0, 1.1))
    assert verdict(Measure("t", "s", old, blocks=names), Measure("t", "s", new, blocks=names)) is Verdict.WORSE
    assert verdict(Measure("t", "s", old), Measure("t", "s", new)) is Verdict.SAME
    other = Measure("t", "s", new, blocks=tuple(f"other {name}" for name in names))
    assert verdict(Measure("t", "s", old, blocks=names), other) is Verdict.UNKNOWN


def test_what_is_exact_has_no_noise() -> None:
    def success(*samples: float) -> Measure:
        return Measure("success", "share", samples, "higher", blocks=("a", "b", "c"), exact=True)

    assert verdict(success(1, 1, 1), success(1, 0, 1)) is Verdict.WORSE
    assert verdict(success(1, 0, 1), success(1, 1, 1)) is Verdict.BETTER
    assert verdict(success(1, 0, 1), success(0, 1, 1)) is Verdict.WORSE, "one gain does not hide a loss"
    assert verdict(success(1, 0, 1), success(1, 0, 1)) is Verdict.SAME


def test_what_came_what_went_and_what_else_differs() -> None:
    first = record(Measure("a", "s", (1.0,)), Measure("b", "s", (1.0,)), arguments={"turns": 3})
    second = record(
        Measure("b", "s", (1.0,)),
        Measure("c", "s", (1.0,)),
        machine={**MACHINE, "usable_cores": 8},
        configuration={"sha256": "bb"},
        arguments={"turns": 4},
        load={"before": {"average": [9.0, 1, 1]}},
    )
    comparison = compare(first, second)
    assert {row.key: row.verdict for row in comparison.rows} == {
        "a": Verdict.GONE, "b": Verdict.UNKNOWN, "c": Verdict.NEW
    }  # fmt: skip
    said = " ".join(comparison.notes)
    assert all(word in said for word in ("machines", "configurations", "turns was 3 and is 4", "busy"))
    assert not [row for row in compare(first, second, any_machine=False).rows if row.key == "b"], (
        "times of two machines"
    )
    assert busy_note(first) == ""


def test_load_is_what_passed_between() -> None:
    before = load_now()
    after = {**before, "ticks": (before["ticks"][0] + 30, before["ticks"][1] + 70), "at": before["at"] + 2}
    between = load_between(before, after)
    assert between["busy_share"] == 0.3 and between["seconds"] == 2 and len(between["after"]["average"]) == 3


def test_a_slower_machine_is_not_a_slower_program() -> None:
    def at(pace: float | None) -> Record:
        side = {"average": [0.0, 0, 0]} | ({"pace_seconds": pace} if pace else {})
        words = Measure("error_rate", "share", (0.1,), exact=True)
        return record(seconds(1.0), words, load={"before": side, "after": side})

    for pace, compared in ((0.0105, True), (None, True), (0.013, False)):
        comparison = compare(at(0.01), at(pace), any_machine=False)
        assert ("first_fragment_seconds" in [row.key for row in comparison.rows]) is compared, pace
        assert "error_rate" in [row.key for row in comparison.rows]
        assert any("30% slower" in note for note in comparison.notes) is not compared
    assert len(compare(at(0.01), at(0.013)).rows) == 2, "who asks for everything gets it"


def test_times_may_be_given_more_room_than_the_rest() -> None:
    first, second = (record(seconds(centre), Measure("lips", "correlation", (lips,), "higher", stray=0.001))
                     for centre, lips in ((1.0, 0.8), (1.15, 0.7)))  # fmt: skip
    assert {row.key for row in compare(first, second).worse} == {"first_fragment_seconds", "lips"}
    assert {row.key for row in compare(first, second, least_of_machine=0.25).worse} == {"lips"}


def test_every_result_says_at_which_pace_the_machine_was(tmp_path: Path) -> None:
    path = write_result("x", ["x"], {}, tmp_path, [Measure("a", "s", (1.0,))], before=load_now(with_pace=True))
    load = json.loads(path.read_text())["load"]
    assert 0.001 < load["before"]["pace_seconds"] < 1 and 0.001 < load["after"]["pace_seconds"] < 1
