"""Scenarios and the gold set against the doors over fakes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import benchmarks.gold.rounds
from benchmarks.record import Record, read_record
from deployments.contracts import Pcm
from deployments.store.store import RECORDS, Store
from serve_app.cli.main import main
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from tests.door.live import served_in_thread
from tests.fakes.animator import FakeAnimator
from tests.fakes.stages import FakeStages

SAID = "Hello, what are you doing this afternoon?"


@pytest.fixture
def fakes() -> FakeStages:
    return FakeStages(heard=SAID, animator=FakeAnimator(load=lambda id: b""))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def url(fakes: FakeStages, store: Store) -> Iterator[str]:
    people = CoordinatorSettings(max_people=2, max_waiting=0)
    app = create_app(fakes, store, GatewaySettings(), ConversationSettings(), coordinator=people)
    with served_in_thread(app) as url:
        yield url


def measured(url: str, folder: Path, *words: str) -> Record:
    assert main(["bench", "run", *words, "--url", url, "--out", str(folder)]) == 0
    (path,) = folder.glob("*.json")
    return read_record(path)


def test_a_turn_by_stage(url: str, tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    record = measured(url, tmp_path / "out", "turn", "--turns", "3", "--whole", "2", "--enrolments", "1")
    keys = {measure.name for measure in record.measures}
    assert keys >= {"first_fragment_seconds", "stage_tts", "useful_frames", "late_frames", "dropped_frames"}
    assert keys >= {"real_time_factor_with_enrolment", "avatar_enrolment_seconds", "whole_video"}
    assert record.configuration["sha256"] is None, "nobody knows what that server runs"
    assert store.list(RECORDS) == [], "what was uploaded is gone again"
    shown = capsys.readouterr()
    assert "first_fragment_seconds" in shown.out and "streamed turn 3 of 3" in shown.err


def test_sustained(url: str, tmp_path: Path) -> None:
    record = measured(url, tmp_path, "sustained", "--repeats", "2", "--language", "zh")
    counts = {measure.name: measure.spread.count for measure in record.measures}
    assert counts["real_time_factor"] == 2 and counts["late_frames"] == 2


def test_speakers_until_somebody_is_refused(url: str, fakes: FakeStages, tmp_path: Path) -> None:
    fakes.delays["reply_piece"] = 0.3  # nobody has gone before the last has come
    record = measured(url, tmp_path, "speakers", "--most", "4", "--rounds", "1")
    by_key = {measure.key: measure.samples for measure in record.measures}
    assert by_key["speakers_answered"] == (2,)
    assert by_key["refused_share [speakers=4]"] == (0.5,) and by_key["refused_share [speakers=2]"] == (0,)


FAKED = ("--quality", "0")
"""In fakes' films there is no face to be judged."""


def gold(url: str, folder: Path, *words: str) -> int:
    return main(
        ["bench", "gold", "--url", url, "--out", str(folder), "--only", "short_en", "--rounds", "2", *FAKED, *words]
    )


def test_the_gold_set_through_text_and_voice(
    url: str, fakes: FakeStages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[float, str]] = []

    def judge(speech: Pcm, language: str) -> str:
        asked.append((speech.seconds, language))
        return SAID

    monkeypatch.setattr(benchmarks.gold.rounds, "whisper", lambda: judge)
    kept = tmp_path / "baseline.json"
    assert gold(url, tmp_path / "a", "--baseline", str(kept), "--write-baseline") == 0
    assert len(asked) == 2 and asked[0][1] == "en" and asked[0][0] > 1
    rows = json.loads(kept.read_text())["figures"]["tests"]
    assert [row["path"] for row in rows] == ["text to video", "voice to answer"] * 2
    assert all(row["success"] and row["error_rate"] == 0 and row["stage_video"] >= 0 for row in rows)
    assert rows[1]["reply"].startswith("Well, that is Paris") and rows[1]["heard"] == SAID
    fakes.heard, fakes.language = "Hola, qué te gustaría hacer hoy", "es"
    assert gold(url, tmp_path / "b", "--baseline", str(kept), "--minutes", "0") == 1
    (path,) = (tmp_path / "b").glob("*.json")
    assert len(read_record(path).figures["tests"]) == 2, "no further round is begun when the time is over"
    shown = capsys.readouterr().out
    assert "FAILED short_en, voice to answer" in shown and "taken for es" in shown and "WORSE  success" in shown
    assert gold(url, tmp_path / "c", "--baseline", str(tmp_path / "new.json"), "--write-baseline") == 1
    assert not (tmp_path / "new.json").exists(), "what is wrong is no baseline"
