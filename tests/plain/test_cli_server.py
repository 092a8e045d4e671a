"""The application as a child process: what watching it costs, and how its end is noticed."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from deployments.errors import EngineFailed
from serve_app.cli.server import Server, environment


def test_a_running_application_is_left_alone_until_it_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Asking Ray's dashboard twice a second, for as long as it runs, took a tenth of a core."""
    server = Server(port=18999)
    server.log = tmp_path / "serve.log"
    server.log.write_text("dashboard at 127.0.0.1:1\nThe last words.\n")
    asked: list[str] = []
    monkeypatch.setattr(httpx, "get", lambda url, **options: asked.append(url))
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1.2)"])
    monkeypatch.setattr(server, "_child", child)
    with pytest.raises(EngineFailed, match=r"The last words\."):
        server.wait_until_ended()
    assert child.poll() == 0 and asked == []


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, own in (("RAY_SERVE_CONTROL_LOOP_INTERVAL_S", "0.4"), ("RAY_SERVE_METRICS_EXPORT_INTERVAL_MS", "1000")):
        monkeypatch.delenv(name, raising=False)
        assert environment(tmp_path)[name] == own
        monkeypatch.setenv(name, "0.05")
        assert environment(tmp_path)[name] == "0.05"
