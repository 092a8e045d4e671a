"""Runs the application for a benchmark's duration, and weighs it."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Application:
    """A running application. `ready_seconds`: from the start of the command to the first healthy answer."""

    url: str
    process_id: int
    ready_seconds: float


@contextmanager
def running_application(
    config: str = "serve_config.yaml", port: int = 8000, limit_seconds: float = 300
) -> Iterator[Application]:
    """Starts `avatar serve` and stops it again. Raises RuntimeError when it is not healthy within the limit, or when
    something answers there already: that would be measured in its place."""
    if _healthy(f"http://127.0.0.1:{port}"):
        raise RuntimeError(f"an application is running at port {port} already; stop it first")
    start = time.perf_counter()
    command = [sys.executable, "-m", "serve_app.cli.main", "serve", "--config", config, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        while not _healthy(url):
            if process.poll() is not None:
                raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
            if time.perf_counter() - start > limit_seconds:
                raise RuntimeError(f"{url}/health is not well after {limit_seconds:.0f} s")
            time.sleep(0.2)
        yield Application(url, process.pid, time.perf_counter() - start)
    finally:
        process.terminate()
        process.wait(60)


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def resident_bytes(process_id: int) -> dict[str, int]:
    """Proportional resident memory (PSS: shared pages are split among their users) of a process and all its
    descendants, and of the Ray session's daemons it started, by command."""
    sizes: dict[str, int] = {}
    for child in family_of(process_id):
        try:
            rollup = Path(f"/proc/{child}/smaps_rollup").read_text()
            command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it has just ended
        size = next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
        name = " ".join(part.decode(errors="replace") for part in command[:3])[:80].strip()
        sizes[f"{child} {name}"] = size
    return sizes


def family_of(process_id: int) -> list[int]:
    """A process and all its descendants."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parents[int(entry)] = int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has just ended
    family, last = {process_id}, 0
    while len(family) > last:
        last = len(family)
        family |= {child for child, parent in parents.items() if parent in family}
    return sorted(family)
