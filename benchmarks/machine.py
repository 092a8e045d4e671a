"""Describes the machine and the code a measurement was taken with; every file in benchmarks/results/ carries it."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RESULTS_FOLDER = Path(__file__).resolve().parent / "results"
PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "av", "ray", "ctranslate2", "faster-whisper", "xllamacpp")


def processor_name() -> str:
    """The CPU's model name, from /proc/cpuinfo where there is one."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def memory_bytes() -> int:
    """Physical memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def package_versions(names: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Installed versions; a package that is not installed is left out."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_commit() -> str:
    """The commit the code is at, with "+changes" where the tracked files differ from it; "unknown" outside git."""
    root = Path(__file__).resolve().parent.parent
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return commit + ("+changes" if changed else "")


def describe_machine() -> dict[str, Any]:
    """CPU model, logical cores, cores this process may use, memory, load average now, versions, commit, time."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor_name(),
        "logical_cores": os.cpu_count(),
        "usable_cores": affinity,
        "memory_gigabytes": round(memory_bytes() / 1e9, 1),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "commit": git_commit(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_result(name: str, command: Sequence[str], figures: Mapping[str, Any], folder: Path = RESULTS_FOLDER) -> Path:
    """Writes `<name>-<UTC time>.json` with the machine, the command line and the raw figures. Returns its path."""
    machine = describe_machine()
    folder.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    path = folder / f"{name}-{stamp}.json"
    root = f"{RESULTS_FOLDER.parents[1]}/"
    shown = [part.removeprefix(root) for part in command]
    content = {"benchmark": name, "command": shown, "machine": machine, "figures": figures}
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path
