"""Every command in docs/http.md is run as it stands there, and every error code in it exists."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from deployments import errors
from deployments.store.store import Store
from serve_app.client.failures import Refused
from serve_app.conversation import ConversationSettings
from serve_app.gateway import errors_table
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.turn_report import REPORT_UUID, report_in
from tests.door.conftest import wav
from tests.door.live import served_in_thread
from tests.fakes.stages import FakeStages

TEXT = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.strip().split("\n")]
URL = "http://127.0.0.1:8000"


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_work(tmp_path: Path) -> None:
    assert len(COMMANDS) > 12
    (tmp_path / "question.wav").write_bytes(wav(4))
    rows = np.linspace(0, 255, 128, dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.dstack([np.tile(rows, (128, 1))] * 3))
    app = create_app(FakeStages(), Store(tmp_path / "store"), GatewaySettings(), ConversationSettings())
    with served_in_thread(app) as url:
        for command in COMMANDS:
            words = shlex.split(command.replace(URL, url))
            assert words[0] == "curl"
            done = subprocess.run([*words, "-sS", "--fail-with-body"], cwd=tmp_path, capture_output=True, timeout=30)
            assert done.returncode == 0, (command, done.stdout[:300], done.stderr)
            if "-o" in words:
                data = (tmp_path / words[words.index("-o") + 1]).read_bytes()
                assert report_in(data) is not None or data[:2] == b"\xff\xd8"
            elif "-N" in words:
                assert done.stdout.rstrip().split(b"\n\n")[-1].startswith(b"event: done")
            else:
                assert json.loads(done.stdout)


def test_the_codes_are_those_of_the_error_table() -> None:
    told = set(re.findall(r"^\| (\d{3}) \| `(\w+)`", TEXT, re.MULTILINE))
    kinds = [*vars(errors).values(), *vars(errors_table).values()]
    known = {
        (str(kind.status), kind.code)
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, errors.AvatarError) and kind is not Refused
    }
    not_answers = {("499", "cancelled")}
    assert told == (known - not_answers) | {("405", "method_not_allowed")}


def test_the_reports_box_is_named_rightly() -> None:
    (named,) = re.findall(r"`([0-9a-f]{8}-[0-9a-f-]{27})`", TEXT)
    assert bytes.fromhex(named.replace("-", "")) == REPORT_UUID
