"""The gold set: what it holds, how words are counted, and that what has become worse fails the run."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.comparison import Verdict
from benchmarks.gold import baseline
from benchmarks.gold.passage import TO_ANSWER, TO_VIDEO, Passage, as_row
from benchmarks.gold.phrases import chosen, phrases
from benchmarks.gold.rounds import by_test, measures
from benchmarks.gold.words import error_rate, script_of, units
from benchmarks.record import Record
from benchmarks.text import edits
from deployments.errors import BadInput, NotFound
from deployments.llm.language import language_of

MACHINE = {"processor": "Some CPU", "usable_cores": 2, "gpus": []}


def test_the_phrases() -> None:
    found = phrases()
    assert sum(phrase.length == "gold" for phrase in found) == 6
    for language in ("en", "es", "zh"):
        lengths = [phrase.length for phrase in found if phrase.language == language]
        assert sorted(lengths) == ["gold", "gold", "medium", "short"]
    assert len({phrase.id for phrase in found}) == len(found)
    for phrase in found:
        assert error_rate(phrase.transcript, phrase.text, phrase.language) == 0, phrase.id
        assert script_of(phrase.text) == phrase.script
        if phrase.id != "gold_en_002":  # names only
            assert language_of(phrase.text) == phrase.language


def test_choosing_among_them() -> None:
    assert chosen("") == phrases()
    assert {phrase.id for phrase in chosen("short_en, gold_zh_001")} == {"short_en", "gold_zh_001"}
    assert {phrase.language for phrase in chosen("es")} == {"es"} and len(chosen("medium")) == 3
    with pytest.raises(NotFound, match="gold_es_002"):
        chosen("es,klingon")


def test_words_and_characters_that_are_wrong() -> None:
    assert units("It's 'so'.", "en") == ["it's", "so"]
    assert units("Washington, D.C. is — the ‘City’.", "en") == ["washington", "dc", "is", "the", "city"]
    assert edits("kitten", "sitting") == 3 and edits([], ["a"]) == 1
    assert error_rate("one two three four", "one two tree four five", "en") == 0.5
    assert error_rate("我想说", "我想說。", "zh") == 0, "the same word in other characters"
    assert error_rate("我想说", "我说", "zh") == pytest.approx(1 / 3)
    assert error_rate("¿Qué tal?", "que tal", "es") == 0.5
    with pytest.raises(ValueError, match="nothing"):
        error_rate("...", "a", "en")


def test_scripts() -> None:
    assert [script_of(text) for text in ("Hello 你", "我说 OK 了吗你们好吗大家", "我想說話", "привет", "12")] == [
        "Latn", "Hans", "Hant", "", ""
    ]  # fmt: skip


def rows(
    slower: float = 1.0, wrong: tuple[str, ...] = (), rounds: int = 3, errors: float = 0.1
) -> list[dict[str, Any]]:
    """Fabricated rounds of the English and Spanish phrases. `slower` is what the picture takes longer."""
    found = []
    for number in range(rounds):
        for phrase in (one for one in phrases() if one.language != "zh"):
            for path in (TO_VIDEO, TO_ANSWER):
                noise = 1 + 0.02 * ((number * 7 + len(phrase.id)) % 3 - 1)
                media = 0.06 * len(phrase.text)
                video = slower * 0.3 * media * noise
                stages = {"tts": 0.2 * media * noise, "video": video, "total": 0.2 * media * noise + video}
                fault = wrong if phrase.id == "short_en" else ()
                made = Passage(
                    phrase.id, phrase.language, path, fault, media, stages["total"], errors, "words", "", stages
                )
                found.append(as_row(made))
    return found


def record(found: list[dict[str, Any]], machine: dict[str, Any] = MACHINE) -> Record:
    return Record("gold", [], {}, machine, {}, {}, measures(found), {"tests": found, "by_test": by_test(found)})


def worse(now: Record, before: Record, tmp_path: Path) -> set[str]:
    comparison = baseline.against(now, before.write(tmp_path / "baseline.json"))
    assert comparison is not None
    return {row.key for row in comparison.rows if row.verdict is Verdict.WORSE}


def test_an_equal_run_is_no_regression(tmp_path: Path) -> None:
    assert worse(record(rows()), record(rows()), tmp_path) == set()
    assert worse(record(rows(slower=0.5)), record(rows()), tmp_path) == set(), "faster is no regression"


def test_a_slower_picture_is_one(tmp_path: Path) -> None:
    found = worse(record(rows(slower=1.3)), record(rows()), tmp_path)
    assert f"stage_video [path={TO_VIDEO}, language=en]" in found
    assert f"real_time_factor [path={TO_ANSWER}, language=es]" in found
    assert not any(key.startswith(("stage_tts", "success", "error_rate")) for key in found)


def test_one_round_is_judged_by_the_noise_of_the_baseline(tmp_path: Path) -> None:
    found = worse(record(rows(slower=1.3, rounds=1)), record(rows()), tmp_path)
    assert f"stage_video [path={TO_VIDEO}, language=en]" in found


def test_another_machine_is_not_held_to_its_times(tmp_path: Path) -> None:
    other = record(rows(slower=3.0, errors=0.4), machine={**MACHINE, "usable_cores": 1})
    found = worse(other, record(rows()), tmp_path)
    assert found and all(key.startswith("error_rate") for key in found), "but to its words"


def test_a_phrase_that_fails_is_one(tmp_path: Path) -> None:
    now = record(rows(wrong=("taken for fr",)))
    found = worse(now, record(rows()), tmp_path)
    assert found == {f"success [path={path}, language=en]" for path in (TO_VIDEO, TO_ANSWER)}
    assert baseline.failures(now) == [f"short_en, {path}: taken for fr" for path in (TO_VIDEO, TO_ANSWER)]
    assert baseline.failures(record(rows())) == []


def test_the_table_names_every_test() -> None:
    lines = baseline.table(record(rows()))
    assert len(lines) == 1 + 2 * 8 and "3/3" in lines[1]


def test_what_is_wrong_with_a_film_is_wrong_with_its_test() -> None:
    seen = [{"film": "short_en", "path": TO_VIDEO, "lip_sync": 0.1, "lip_sync_off": 9.0, "wrong": ["lip_sync 0.1"]}]
    lines = by_test(rows(), seen)
    found = Record("gold", [], {}, MACHINE, {}, {}, [], {"by_test": lines})
    assert baseline.failures(found) == [f"short_en, {TO_VIDEO}: lip_sync 0.1"]
    (line,) = [line for line in baseline.table(found) if line.startswith("short_en") and TO_VIDEO in line]
    assert line.split()[-3:] == ["0.1", "9", "-"]


def test_without_a_baseline_nothing_is_compared(tmp_path: Path) -> None:
    assert baseline.against(record(rows()), tmp_path / "nothing.json") is None
    assert baseline.against(record(rows()), None) is None
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(BadInput):
        baseline.against(record(rows()), tmp_path / "bad.json")


def test_what_failed_early_has_no_figures() -> None:
    row = as_row(Passage("short_en", "en", TO_ANSWER, ("there is no speech to ask with",)))
    assert row["success"] == 0 and row["seconds"] is None and row["real_time_factor"] is None
    (success,) = measures([row])
    assert success.name == "success" and by_test([row])[0]["media_seconds"] is None
