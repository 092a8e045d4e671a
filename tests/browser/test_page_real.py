"""The page on the whole application with its real weights: a spoken question, a face that answers, an interruption."""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser

from tests.browser.sounds import QUESTION, recording
from tests.browser.visit import Visit
from tests.browser.watching import heard, seen, watch
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.weights, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """serve_config.yaml as it is, but for what it keeps."""
    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    arguments = config["applications"][0]["args"]
    arguments["store"] = {"url": str(tmp_path / "store")}
    arguments["coordinator"] = {**arguments.get("coordinator", {}), "database_url": f"sqlite:///{tmp_path}/state.db"}
    path = tmp_path / "serve_config.yaml"
    path.write_text(yaml.safe_dump(config))
    port = free_port()
    command = [sys.executable, "-m", "serve_app.cli.main", "serve", "--config", str(path), "--port", str(port)]
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder:
        environment = {**os.environ, "RAY_TMPDIR": folder}
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment)
        assert child.stdout is not None
        for line in child.stdout:
            if "Ctrl-C" in line:
                break
        threading.Thread(target=child.stdout.read, daemon=True).start()
        assert child.poll() is None, "the application did not start"
        yield f"http://127.0.0.1:{port}"
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 0


def test_asks_aloud_is_answered_and_interrupts(
    browser_hearing: Callable[[Path], Browser], visit: Callable[..., Visit], tmp_path: Path
) -> None:
    second = QUESTION.parent / "en-sky.wav"
    page = visit(browser_hearing(recording(tmp_path / "questions.wav", 1.0, QUESTION, 9.0, second, 60.0)))
    page.page.set_default_timeout(60_000)
    page.page.wait_for_selector("#stage[data-clip='there']")
    watch(page.page)
    page.page.click("#hands-free")
    page.wait_for_state("listening")
    page.wait_for_answer()
    page.page.wait_for_timeout(2000)
    frames, blocks = seen(page.page), heard(page.page)
    assert len(frames) > 25 and min(frame["light"] for frame in frames) > 20
    assert statistics.pstdev(frame["mouth"] for frame in frames) > 1, "the mouth does not move"
    assert sum(block["loud"] > 0.02 for block in blocks) > 60, "nothing can be heard"
    assert page.page.inner_text("#captions") != ""
    page.wait_for_state("listening", "ready")
    page.page.wait_for_selector("#log li:nth-child(4)")
    page.wait_for_rest(60_000)
    (_, asked), (_, answer), (_, asked_again), (_, last) = page.log()[:4]
    assert "capital of france" in asked.lower() and "paris" in answer.lower()
    assert "sky" in asked_again.lower() and last
    assert page.page.is_visible("#latency")
