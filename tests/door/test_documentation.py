"""Every example of README.md and docs/ is run as it stands, against the doors over fakes; tables are the code's."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydantic import BaseModel
from starlette.routing import Route, WebSocketRoute

from deployments.errors import AvatarError
from deployments.gpu.settings import GpuSettings
from deployments.store.store import Store
from serve_app.authority import AUTHORITY_VARIABLE
from serve_app.cli.main import main
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.errors_table import Forbidden, Unauthorised
from serve_app.gateway.refusals import CLOSE_CODES
from serve_app.gateway.settings import GatewaySettings
from serve_app.jobs.settings import JobSettings
from serve_app.realtime.client_events import EVENTS
from serve_app.realtime.failures import CloseCode
from serve_app.realtime.hearing.settings import EarSettings, TurnDetection
from serve_app.realtime.settings import RealtimeSettings
from serve_app.turn_report import REPORT_UUID, report_in
from tests.door.conftest import wav
from tests.door.live import served_in_thread
from tests.door.realtime_line import loud_ears
from tests.fakes.animator import FakeAnimator
from tests.fakes.openai_stages import OpenAiStages

__all__ = ["loud_ears"]

ROOT = Path(__file__).parents[2]
TEXTS = {path.name: path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
HTTP, REALTIME, JOBS = TEXTS["http.md"], TEXTS["realtime.md"], TEXTS["jobs.md"]
URL = "http://127.0.0.1:8000"
AVATAR = ".venv/bin/avatar "
CURL = "curl "
MAKE = "make "
FENCES = {"sh", "python", "js", "yaml", "console"}
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shells() -> list[str]:
    return [block for text in TEXTS.values() for block in blocks(text, "sh")]


def is_script(block: str) -> bool:
    """Whether its lines only make sense together."""
    return not all(line.startswith((CURL, AVATAR, MAKE)) for line in block.splitlines())


def commands(start: str) -> list[str]:
    lines = [line for block in shells() if not is_script(block) for line in block.splitlines()]
    return [line for line in dict.fromkeys(lines) if line.startswith(start)]


def programs() -> list[str]:
    return [program for text in TEXTS.values() for program in blocks(text, "python")]


def rows(text: str) -> list[list[str]]:
    """The cells of all tables' lines."""
    return [re.split(r" ?(?<!\\)\| ?", line)[1:-1] for line in text.splitlines() if line.startswith("| ")]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loud_ears: None) -> Iterator[str]:
    """A server, in a folder that has the files which the documents name."""
    monkeypatch.chdir(tmp_path)
    for name in ("question.wav", "my-voice.wav"):
        Path(name).write_bytes(wav(4))
    shades = np.linspace(0, 255, 128, dtype=np.uint8)
    for name in ("photo.jpg", "my-photo.jpg"):
        cv2.imwrite(name, np.dstack([np.tile(shades, (128, 1))] * 3))
    Path("serve_app").symlink_to(ROOT / "serve_app")
    stages = OpenAiStages(animator=FakeAnimator(load=lambda id: b""))
    app = create_app(
        stages,
        Store(tmp_path / "store"),
        GatewaySettings(),
        ConversationSettings(),
        jobs=JobSettings(poll_seconds=0.02),
    )
    with served_in_thread(app) as url:
        monkeypatch.setenv("AVATAR_URL", url)
        yield url


def is_film(data: bytes) -> bool:
    return report_in(data) is not None


MADE = {
    "answer.mp4": is_film,
    "morning.mp4": is_film,
    "hello.mp4": is_film,
    "idle.mp4": lambda data: data[4:8] == b"ftyp",
    "portrait.jpg": lambda data: data[:2] == b"\xff\xd8",
    "morning.mp3": lambda data: data[:3] == b"ID3" or data[0] == 0xFF,
    "dias.ogg": lambda data: data[:4] == b"OggS",
}
"""What a file that `curl -o` writes has to be."""


@needs_curl
@pytest.mark.parametrize("command", commands(CURL))
def test_over_http(url: str, command: str) -> None:
    words = shlex.split(command.replace(URL, url), comments=True)
    done = subprocess.run([*words, "-sS", "--fail-with-body"], capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, (command, done.stdout[:300], done.stderr)
    if "-o" in words:
        path = Path(words[words.index("-o") + 1])
        assert MADE[path.name](path.read_bytes()), command
    elif "-N" in words:
        last = done.stdout.rstrip().split(b"\n\n")[-1]
        assert last == b"data: [DONE]" if "/v1/" in command else last.startswith(b"event: done"), last
    elif "=vtt" in command:
        assert done.stdout.startswith(b"WEBVTT\n")
    else:
        told = json.loads(done.stdout)
        assert told and "error" not in (told if "/v1/videos" not in command else {})


@needs_curl
@pytest.mark.parametrize("script", [block for block in shells() if is_script(block)])
def test_scripts(url: str, script: str) -> None:
    """The only one orders a film, waits for it, fetches and deletes it."""
    script = script.replace(URL, url).replace("python3", sys.executable)
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert is_film(Path("morning.mp4").read_bytes())
    assert b'"deleted"' in done.stdout


@pytest.mark.parametrize("command", commands(AVATAR))
def test_from_a_shell(url: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(command.removeprefix(AVATAR), comments=True)
    if "ID" in words:
        assert main(["jobs", "submit", "Good morning!", "-o", "first.mp4"]) == 0
        assert main(["jobs", "list"]) == 0
        (known,) = set(re.findall(r"video_[0-9a-f]{32}", capsys.readouterr().out))
        words[words.index("ID")] = known
    assert main(words) == 0
    if "-o" in words:
        assert is_film(Path(words[words.index("-o") + 1]).read_bytes())
    elif "submit" in words:
        assert re.fullmatch(r"video_[0-9a-f]{32}\n", capsys.readouterr().out)


@pytest.mark.parametrize("program", programs())
def test_from_python(url: str, program: str, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.time()
    exec(compile(program.replace(URL, url), "example", "exec"), {"__name__": "__main__"})
    said = capsys.readouterr().out
    made = set(re.findall(r'"(?:out/)?([\w-]+\.(?:mp4|mp3|wav))"', program)) - {"question.wav"}
    for name in made:
        path = next(path for path in (Path(name), Path("out") / name) if path.exists())
        assert path.stat().st_mtime >= began - 1 and path.stat().st_size > 1000, name
    assert made
    if "realtime" in program:
        assert "you: What is the capital of France?" in said
        assert "Paris" in said
    if "jobs = [" in program:
        assert len(re.findall(r"out/video_\w+\.mp4", said)) == 3


def test_the_film_of_a_realtime_conversation_is_fragmented(url: str) -> None:
    (program,) = [program for program in blocks(REALTIME, "python") if "video=True" in program]
    exec(compile(program.replace(URL, url), "example", "exec"), {"__name__": "__main__"})
    film = Path("answer.mp4").read_bytes()
    assert film[4:8] == b"ftyp" and film.count(b"moof") > 2 and film.count(b"moov") == 1


def test_no_example_is_left_out() -> None:
    for name, text in TEXTS.items():
        assert set(re.findall(r"^```(\w+)$", text, re.MULTILINE)) <= FENCES, name
        assert len(re.findall(r"^```", text, re.MULTILINE)) % 2 == 0, name
    assert len(commands(CURL)) > 20
    assert len(commands(AVATAR)) > 7
    assert len(programs()) > 5
    # what is only shown is shown because it needs another machine, a browser, or to go on for ever
    assert not [block for text in TEXTS.values() for block in blocks(text, "console") if "curl" in block]


def test_documents_name_each_other_rightly() -> None:
    for name, text in TEXTS.items():
        folder = ROOT if name == "README.md" else ROOT / "docs"
        for target in re.findall(r"\]\(((?!https?:)[^)#]+)\)", text):
            assert (folder / target).exists(), (name, target)
    assert all(f"docs/{name}" in TEXTS["README.md"] for name in TEXTS if name != "README.md")


def _kinds(kind: type[AvatarError]) -> Iterator[type[AvatarError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)


def _codes(*modules: str) -> set[tuple[str, str]]:
    found = (kind for kind in _kinds(AvatarError) if not kind.__name__.startswith("_"))
    return {(str(kind.status), kind.code) for kind in found if kind.__module__.startswith(modules)}


def test_the_codes_are_those_of_the_error_table() -> None:
    told = [(cells[0], cells[1].strip("`")) for cells in rows(HTTP) if re.fullmatch(r"\d{3}", cells[0])]
    statuses = [int(status) for status, _ in told]
    assert statuses == sorted(statuses)
    inner = ("deployments.", "serve_app.gateway.", "serve_app.coordinator.", "serve_app.jobs.")
    never_answered = {("499", "cancelled")}
    assert len(told) == len(set(told))
    assert set(told) == (_codes(*inner) - never_answered) | {("405", "method_not_allowed")}


def test_the_sockets_own_codes_are_told() -> None:
    own = {code for _, code in _codes("serve_app.realtime.")} - {"bad_input"}
    source = "".join(path.read_text() for path in (ROOT / "serve_app" / "realtime").glob("*.py"))
    own |= set(re.findall(r'InvalidEvent\([^)]*?, "(\w+)"', source)) | {"conversation_already_has_active_response"}
    table = REALTIME[REALTIME.index("## Errors") : REALTIME.index("A failed answer")]
    told = {cells[0].strip("`") for cells in rows(table)} - {"`code`", "code"}
    assert told == own - {"invalid_event"}


def test_the_close_codes_are_those_of_the_code() -> None:
    told = {int(cells[0]) for cells in rows(REALTIME) if re.fullmatch(r"\d{4}", cells[0])}
    assert told == set(CloseCode) | {CLOSE_CODES[Unauthorised.status], CLOSE_CODES[Forbidden.status]}


def test_every_event_of_a_client_is_told() -> None:
    table = REALTIME[REALTIME.index("## What a client sends") : REALTIME.index("## A turn")]
    told = set()
    for cells in rows(table):
        names = re.findall(r"`([\w.]+)`", cells[0])
        told |= {names[0].rsplit(".", 1)[0] + name if name.startswith(".") else name for name in names}
    assert told == set(EVENTS)


def test_every_door_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = tmp_path / "authority.pem"
    authority.touch()
    monkeypatch.setenv(AUTHORITY_VARIABLE, str(authority))
    app = create_app(OpenAiStages(), Store(tmp_path / "store"), GatewaySettings(), ConversationSettings())
    doors = set()
    for route in app.routes:
        assert isinstance(route, Route | WebSocketRoute)
        methods = (route.methods or set()) - {"HEAD"} if isinstance(route, Route) else {"WS"}
        doors |= {(method, re.sub(r":\w+}", "}", route.path)) for method in methods}
    told = set()
    for cells in rows(HTTP[: HTTP.index("## Speech to text")]):
        if path := re.search(r"(/\S*)`", cells[0]):
            told |= {(method, path[1]) for method in re.findall(r"\b(GET|POST|DELETE|WS)\b", cells[0])}
    assert told == doors


@pytest.mark.parametrize(
    ("text", "heading", "model"),
    [
        (JOBS, "## Settings (`args.jobs`)", JobSettings),
        (REALTIME, "## Settings (`args.realtime`)", RealtimeSettings),
        (REALTIME, "## Settings (`args.realtime.ear`)", EarSettings),
        (REALTIME, "## Settings (`args.coordinator`)", CoordinatorSettings),
        (REALTIME, "### Who decides that a turn is over", TurnDetection),
        (TEXTS["gpu.md"], "### Settings (`args.asr.gpu`", GpuSettings),
    ],
)
def test_settings_are_told_with_their_defaults(text: str, heading: str, model: type[BaseModel]) -> None:
    table = text[text.index(heading) + len(heading) :].split("\n#")[0]
    told = {cells[0].strip("`"): cells[1] for cells in rows(table) if cells[0].startswith("`")}
    assert list(told) == list(model.model_fields)
    for name, field in model.model_fields.items():
        if not isinstance(field.default, BaseModel):
            assert told[name] == ("" if field.default is None else str(field.default)), name


def test_the_reports_box_is_named_rightly() -> None:
    (named,) = re.findall(r"`([0-9a-f]{8}-[0-9a-f-]{27})`", HTTP)
    assert bytes.fromhex(named.replace("-", "")) == REPORT_UUID
