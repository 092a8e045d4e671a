"""`avatar talk`, `say` and `demo` against the doors over a socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.store.store import RECORDS, Store
from deployments.weights.manifest import load_manifest
from deployments.weights.pull import Puller
from serve_app.cli.main import main
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.media.synthetic import is_marked_synthetic
from serve_app.turn_report import report_in
from tests.door.conftest import photo, wav
from tests.door.live import served_in_thread
from tests.fakes.animator import FakeAnimator
from tests.fakes.stages import FakeStages


@pytest.fixture
def fakes() -> FakeStages:
    return FakeStages(animator=FakeAnimator(load=lambda id: b""))


@pytest.fixture
def url(fakes: FakeStages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    app = create_app(fakes, Store(tmp_path / "store"), GatewaySettings(), ConversationSettings())
    with served_in_thread(app) as url:
        yield url


def test_talk_answers_a_recording(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("question.wav").write_bytes(wav())
    assert main(["talk", "question.wav", "-o", "answers/out.mp4", "--url", url]) == 0
    film = Path("answers/out.mp4").read_bytes()
    assert is_marked_synthetic(film)
    shown = capsys.readouterr().out
    for part in ("What is the capital of France?", "Well, that is Paris", "answers/out.mp4"):
        assert part in shown


def test_say_speaks_with_ones_own_face_and_voice(url: str, fakes: FakeStages, tmp_path: Path) -> None:
    Path("me.png").write_bytes(photo())
    Path("me.wav").write_bytes(wav(4))
    words = ["say", "Good morning.", "-o", "out.mp4", "--url", url, "--avatar", "me.png", "--voice", "me.wav"]
    assert main(words) == 1, "without consent nothing is uploaded"
    assert Store(tmp_path / "store").list(RECORDS) == []
    assert main([*words, "--consent"]) == 0
    report = report_in(Path("out.mp4").read_bytes())
    assert report is not None
    assert report.reply == "Good morning."
    assert len(Store(tmp_path / "store").list(RECORDS)) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["say", "Hi.", "-o", "x.mp4", "--voice", "nobody"], "There is no voice 'nobody'"),
        (["say", "", "-o", "x.mp4"], "is empty"),
        (["talk", "missing.wav", "-o", "x.mp4"], "no file missing.wav"),
    ],
)
def test_what_is_wrong_is_told(url: str, words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--url", url]) == 1
    assert told in capsys.readouterr().err
    assert not Path("x.mp4").exists()


def test_an_address_without_a_server_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "Hi.", "-o", "x.mp4", "--url", "http://127.0.0.1:9"]) == 1
    assert "avatar serve" in capsys.readouterr().err


def test_the_demo_writes_a_film_and_a_still(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AVATAR_URL", url)
    pulled: list[str] = []
    monkeypatch.setattr(Puller, "pull", lambda puller, weight_set, *told: pulled.append(weight_set.name))
    assert main(["demo", "--question", "es-capital", "--out", "shown"]) == 0
    assert report_in(Path("shown/answer.mp4").read_bytes()) is not None
    assert Path("shown/answer.png").read_bytes()[:4] == b"\x89PNG"
    assert pulled == [weight_set.name for weight_set in load_manifest().defaults()]
    shown = capsys.readouterr().out
    for part in ("Asks:", "Heard:", "Says:", "spent waiting for speech recognition", "shown/answer.mp4"):
        assert part in shown
    assert main(["demo", "--question", "xx-none"]) == 1
