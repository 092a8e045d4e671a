"""The parts of the command line that need no server."""

import io
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

from deployments.contracts import Pcm
from deployments.errors import BadInput, EngineFailed, WeightsMissing
from serve_app.cli import main as command
from serve_app.cli.configuration import read_config, require_key
from serve_app.cli.demo import latency_table
from serve_app.cli.progress import Spinner
from serve_app.cli.server import Server, environment, port_taken
from serve_app.cli.speaking import Shown
from serve_app.cli.still import save_still, speaking_frame
from serve_app.client import Film
from serve_app.media.whole import whole_mp4
from serve_app.turn_report import TurnReport
from tests.fakes.frames import encoded_frames

CONFIG = "http_options: {host: 127.0.0.1, port: 8000, keep_alive_timeout_s: 90}\napplications: []\n"
REPORT = TurnReport("t", "heard", "said", "en", 2.0, 0.0, {"asr": 0.25, "first_media": 0.9, "novel": 1.0})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_spinner_moves_on_a_terminal_and_is_brief_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    terminal, log = Terminal(), io.StringIO()
    for stream in (terminal, log):
        with Spinner("starting", stream) as spinner:
            spinner.say("waiting for tts")
            spinner.say("waiting for tts")
            spinner.note("a line that stays")
    assert log.getvalue() == "starting …\nwaiting for tts … (0 s)\n"
    assert terminal.getvalue().endswith("\r\033[K")
    assert capsys.readouterr().out == "a line that stays\n" * 2


def test_the_address_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    options = read_config(file, None, 9000)["http_options"]
    assert options == {"host": "127.0.0.1", "port": 9000, "keep_alive_timeout_s": 90}
    assert Server(file, None, 9000).url == "http://127.0.0.1:9000"
    monkeypatch.setenv("AVATAR_API_KEY", "key")
    assert Server(file, "0.0.0.0", None).url == "http://127.0.0.1:8000"
    assert Server(file, "::1", None).url == "http://[::1]:8000"


@pytest.mark.parametrize("text", ["a: [", "just words", "http_options: {}"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"config\.yaml"):
        read_config(file, None, None)
    with pytest.raises(BadInput):
        read_config(tmp_path / "nothing.yaml", None, None)


def test_others_are_served_with_a_key_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AVATAR_API_KEY", raising=False)
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        require_key(host, {})
    for host in ("0.0.0.0", "::", "", "192.168.1.7", "example.org"):
        with pytest.raises(BadInput, match="AVATAR_API_KEY"):
            require_key(host, {"applications": [{"args": None}, {"args": {"gateway": {"keys": []}}}]})
    for gateway in ({"api_key": "key"}, {"keys": [{"name": "ana", "sha256": "0" * 64}]}):
        require_key("0.0.0.0", {"applications": [{"args": {"gateway": gateway}}]})
    monkeypatch.setenv("AVATAR_API_KEY", "key")
    require_key("0.0.0.0", {})


def test_the_command_refuses_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AVATAR_API_KEY", raising=False)
    monkeypatch.setattr("serve_app.cli.serve.require_weights", lambda config: None)
    for words, remedy in ((["--host", "0.0.0.0"], "AVATAR_API_KEY=$("), (["--tls-cert", "a.pem"], "go together")):
        assert command.main(["serve", *words]) == 1
        assert remedy in capsys.readouterr().err


def test_the_users_own_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    made = environment(Path("/tmp/short"))
    assert (made["RAY_AUTH_MODE"], made["RAY_USAGE_STATS_ENABLED"]) == ("disabled", "0")


def test_rays_own_ports_are_for_this_machine_and_ask_for_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"):
        monkeypatch.delenv(name, raising=False)
    one, other = environment(Path("/tmp/short")), environment(Path("/tmp/short"))
    assert one["RAY_AUTH_MODE"] == "token" and one["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] == "0"
    assert len(one["RAY_AUTH_TOKEN"]) >= 32 and one["RAY_AUTH_TOKEN"] != other["RAY_AUTH_TOKEN"]


def test_a_taken_port_is_noticed(tmp_path: Path) -> None:
    import socket

    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert port_taken("127.0.0.1", port)
        with pytest.raises(BadInput, match="--port"):
            Server(file, None, port).start()
    assert not port_taken("127.0.0.1", port)


def test_a_still_shows_the_mouth_farthest_open(tmp_path: Path) -> None:
    openings = [0, 2, 5, 1, 4, 9, 3, 6, 0]
    pictures = []
    for number, opening in enumerate(openings):
        picture = np.full((144, 96, 3), 200, np.uint8)
        picture[20 : 60 + number // 3, 10:20] = 90  # something that moves slowly, as a head does
        picture[80 : 80 + opening, 40:60] = 20
        pictures.append(picture)
    assert speaking_frame(pictures) == 5
    assert speaking_frame(pictures[:1]) == 0
    film = whole_mp4(encoded_frames(25), [Pcm(np.zeros(24_000, np.float32), 24_000)], (64, 48))
    picture = cv2.imread(str(save_still(film, tmp_path / "deep" / "still.png")))
    assert picture is not None
    assert picture.shape == (48, 64, 3)
    with pytest.raises(EngineFailed):
        save_still(b"not a film", tmp_path / "still.png")


def test_the_latency_table_has_a_line_for_each_timing() -> None:
    lines = latency_table(Shown(Film(b"", REPORT), 1.5))
    assert len(lines) == 1 + 3 + 1 + 1
    assert any("0.25" in line and "speech recognition" in line for line in lines)
    assert any("novel" in line for line in lines)


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (WeightsMissing("whisper is missing. Fetch it with: avatar models pull"), 1, "avatar models pull"),
        (KeyboardInterrupt(), 130, "Interrupted"),
    ],
)
def test_errors_become_words_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, status: int, told: str
) -> None:
    def fail(arguments: object) -> int:
        raise error

    monkeypatch.setattr(command.doctor, "run_doctor", fail)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert command.main(["doctor"]) == status
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["fly"], ["talk"], ["say", "Hi."], ["serve", "--port", "many"]])
def test_misuse_is_told_with_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(words)
    assert caught.value.code == 2
    assert "usage: avatar" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["serve", "talk", "say", "demo", "models", "doctor"])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main([name, "--help"])
    assert caught.value.code == 0
    assert len(capsys.readouterr().out) > 100
