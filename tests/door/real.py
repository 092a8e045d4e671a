"""The application as a user starts it, with its real weights."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.fakes.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def real_application(kept: Path, ray_folder: str) -> Iterator[str]:
    """Its address: serve_config.yaml as it is, but that it keeps everything in the folder `kept`.

    `ray_folder` is Ray's, and short: paths of Unix sockets end at 107 characters.
    """
    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    arguments = config["applications"][0]["args"]
    arguments["store"] = {"url": str(kept / "store")}
    arguments["coordinator"] = {**arguments.get("coordinator", {}), "database_url": f"sqlite:///{kept}/state.db"}
    path = kept / "serve_config.yaml"
    path.write_text(yaml.safe_dump(config))
    port = free_port()
    command = [sys.executable, "-m", "serve_app.cli.main", "serve", "--config", str(path), "--port", str(port)]
    environment = {**os.environ, "RAY_TMPDIR": ray_folder}
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
