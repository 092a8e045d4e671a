"""Describes the machine and the code a measurement was taken with; every file in benchmarks/results/ carries it."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.pace import pace_seconds
from benchmarks.record import Measure, Record, configuration_of

RESULTS_FOLDER = Path(__file__).resolve().parent / "results"
PACKAGES = (
    "realtime-avatar",
    "numpy",
    "opencv-python-headless",
    "onnxruntime",
    "openvino",
    "av",
    "ray",
    "ctranslate2",
    "faster-whisper",
    "xllamacpp",
    "torch",
    "tensorrt",
    "coqui-tts",
)


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


def gpu_names() -> list[str]:
    """The cards of this machine and their driver's version; none where there is no driver."""
    try:
        import pynvml
    except ImportError:
        return []
    try:
        pynvml.nvmlInit()
        driver = pynvml.nvmlSystemGetDriverVersion()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return [f"{pynvml.nvmlDeviceGetName(handle)}, driver {driver}" for handle in handles]
    except pynvml.NVMLError:
        return []


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
    """CPU, logical cores, cores this process may use, memory, cards, load average now, versions, commit, time."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": processor_name(),
        "logical_cores": os.cpu_count(),
        "usable_cores": affinity,
        "memory_gigabytes": round(memory_bytes() / 1e9, 1),
        "gpus": gpu_names(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "commit": git_commit(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def processor_ticks() -> tuple[int, int]:
    """Ticks in which processors have been busy and idle since their start, all together (proc(5)); zeros elsewhere."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0, 0
    ticks = [int(value) for value in stat.read_text().split("\n", 1)[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, idle


def available_bytes() -> int | None:
    """Memory that could be had now, from /proc/meminfo where there is one."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return None
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024


def load_now(with_pace: bool = False) -> dict[str, Any]:
    """How busy the machine is: load averages of 1, 5 and 15 minutes, memory available, ticks since its start; and how
    fast, which takes a third of a second."""
    return {
        **({"pace_seconds": round(pace_seconds(), 6)} if with_pace else {}),
        "average": [round(load, 2) for load in os.getloadavg()],
        "available_bytes": available_bytes(),
        "ticks": processor_ticks(),
        "at": time.time(),
    }


_AT_START = load_now()


def load_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Both, and the share of all processors that was busy between them."""
    busy, idle = (late - early for late, early in zip(after["ticks"], before["ticks"], strict=True))
    own = {
        name: {key: load[key] for key in ("average", "available_bytes", "pace_seconds") if key in load}
        for name, load in (("before", before), ("after", after))
    }
    return own | {
        "seconds": round(after["at"] - before["at"], 2),
        "busy_share": round(busy / (busy + idle), 3) if busy + idle else None,
    }


def write_result(
    name: str,
    command: Sequence[str],
    figures: Mapping[str, Any],
    folder: Path = RESULTS_FOLDER,
    measures: Sequence[Measure] = (),
    *,
    arguments: Mapping[str, Any] | None = None,
    configuration: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
) -> Path:
    """Writes `<name>-<UTC time>.json` with the machine, the command line, the measures and the raw figures. Returns its
    path. `before` is how busy the machine was at the start, by default when this module was loaded."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    root = f"{RESULTS_FOLDER.parents[1]}/"
    record = Record(
        name,
        [part.removeprefix(root) for part in command],
        arguments or {},
        describe_machine(),
        load_between(before or _AT_START, load_now(with_pace=True)),
        configuration or configuration_of(None),
        measures,
        figures,
    )
    return record.write(folder / f"{name}-{stamp}.json")
