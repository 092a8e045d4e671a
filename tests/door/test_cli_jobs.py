"""`avatar jobs` against the doors over a socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.store.store import Store
from serve_app.cli.main import main
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.jobs.settings import JobSettings
from serve_app.turn_report import report_in
from tests.door.conftest import wav
from tests.door.live import served_in_thread
from tests.fakes.stages import FakeStages


@pytest.fixture
def fakes() -> FakeStages:
    return FakeStages()


@pytest.fixture
def url(fakes: FakeStages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    jobs = JobSettings(poll_seconds=0.02)
    app = create_app(fakes, Store(tmp_path / "store"), GatewaySettings(), ConversationSettings(), jobs=jobs)
    with served_in_thread(app) as url:
        monkeypatch.setenv("AVATAR_URL", url)
        yield url


def test_order_look_fetch_delete(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "submit", "Good morning to you.", "--language", "en", "--key", "k"]) == 0
    job_id = capsys.readouterr().out.strip()
    assert main(["jobs", "submit", "Good morning to you.", "--language", "en", "--key", "k"]) == 0
    assert capsys.readouterr().out.strip() == job_id
    assert main(["jobs", "get", job_id, "-o", "out/film.mp4"]) == 0
    report = report_in(Path("out/film.mp4").read_bytes())
    assert report is not None and report.reply == "Good morning to you."
    assert "out/film.mp4" in capsys.readouterr().out
    assert main(["jobs", "get", job_id]) == 0
    shown = capsys.readouterr().out
    assert all(part in shown for part in (job_id, "completed", "100 %", "video"))
    assert main(["jobs", "list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert main(["jobs", "delete", job_id]) == 0
    assert main(["jobs", "get", job_id]) == 1
    assert "no such video" in capsys.readouterr().err


def test_a_question_waited_for(url: str, fakes: FakeStages, capsys: pytest.CaptureFixture[str]) -> None:
    Path("question.wav").write_bytes(wav(2.0))
    assert main(["jobs", "submit", "--audio", "question.wav", "-o", "answer.mp4"]) == 0
    report = report_in(Path("answer.mp4").read_bytes())
    assert report is not None and report.transcript == "What is the capital of France?"
    fakes.heard = ""
    assert main(["jobs", "submit", "--audio", "question.wav", "-o", "answer.mp4"]) == 1
    assert "No speech" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["Text.", "--audio", "question.wav"], ["--audio", "nowhere.wav"]])
def test_misuse(url: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "submit", *words]) == 1
    assert capsys.readouterr().err.startswith("avatar: ")
