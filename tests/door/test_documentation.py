"""Every command in README.md and docs/http.md is run as it stands there, against the doors over fakes."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from deployments import errors
from deployments.store.store import Store
from serve_app.cli.main import main
from serve_app.conversation import ConversationSettings
from serve_app.gateway import errors_table
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.turn_report import REPORT_UUID, report_in
from tests.door.conftest import wav
from tests.door.live import served_in_thread
from tests.fakes.animator import FakeAnimator
from tests.fakes.stages import FakeStages

ROOT = Path(__file__).parents[2]
DOORS = (ROOT / "docs" / "http.md").read_text()
README = (ROOT / "README.md").read_text()
URL = "http://127.0.0.1:8000"
AVATAR = ".venv/bin/avatar "
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands(text: str, start: str) -> list[str]:
    return [line for block in blocks(text, "sh") for line in block.split("\n") if line.startswith(start)]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server, in a folder that has the files which the documents name."""
    monkeypatch.chdir(tmp_path)
    for name in ("question.wav", "my-voice.wav"):
        Path(name).write_bytes(wav(4))
    rows = np.linspace(0, 255, 128, dtype=np.uint8)
    for name in ("photo.jpg", "my-photo.jpg"):
        cv2.imwrite(name, np.dstack([np.tile(rows, (128, 1))] * 3))
    Path("serve_app").symlink_to(ROOT / "serve_app")
    stages = FakeStages(animator=FakeAnimator(load=lambda id: b""))
    app = create_app(stages, Store(tmp_path / "store"), GatewaySettings(), ConversationSettings())
    with served_in_thread(app) as url:
        monkeypatch.setenv("AVATAR_URL", url)
        yield url


@needs_curl
@pytest.mark.parametrize("command", commands(DOORS, "curl") + commands(README, "curl"))
def test_over_http(url: str, command: str) -> None:
    words = shlex.split(command.replace(URL, url), comments=True)
    done = subprocess.run([*words, "-sS", "--fail-with-body"], capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, (command, done.stdout[:300], done.stderr)
    if "-o" in words:
        data = Path(words[words.index("-o") + 1]).read_bytes()
        assert report_in(data) is not None or data[:2] == b"\xff\xd8"
    elif "-N" in words:
        assert done.stdout.rstrip().split(b"\n\n")[-1].startswith(b"event: done")
    else:
        assert json.loads(done.stdout)


@pytest.mark.parametrize("command", commands(README, f"{AVATAR}talk") + commands(README, f"{AVATAR}say"))
def test_from_a_shell(url: str, command: str) -> None:
    words = shlex.split(command.removeprefix(AVATAR), comments=True)
    assert main(words) == 0
    assert report_in(Path(words[words.index("-o") + 1]).read_bytes()) is not None


@pytest.mark.parametrize("program", blocks(README, "python"))
def test_from_python(url: str, program: str) -> None:
    exec(program.replace(URL, url), {})
    assert report_in(Path("morning.mp4").read_bytes()) is not None


def test_the_documents_have_examples() -> None:
    assert len(commands(DOORS, "curl")) > 12
    assert commands(README, "curl")
    assert commands(README, f"{AVATAR}talk")
    assert blocks(README, "python")


def test_the_codes_are_those_of_the_error_table() -> None:
    told = set(re.findall(r"^\| (\d{3}) \| `(\w+)`", DOORS, re.MULTILINE))
    kinds = [*vars(errors).values(), *vars(errors_table).values()]
    known = {
        (str(kind.status), kind.code)
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, errors.AvatarError)
    }
    not_answers = {("499", "cancelled")}
    assert told == (known - not_answers) | {("405", "method_not_allowed")}


def test_the_reports_box_is_named_rightly() -> None:
    (named,) = re.findall(r"`([0-9a-f]{8}-[0-9a-f-]{27})`", DOORS)
    assert bytes.fromhex(named.replace("-", "")) == REPORT_UUID
