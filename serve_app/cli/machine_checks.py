"""What `avatar doctor` looks at: one function per thing the default profile needs, and how to get it."""

import importlib.util
import os
import platform
import shutil
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from deployments.errors import EngineFailed, WeightsMissing
from deployments.openmp import SONAME, load_openmp
from deployments.weights.manifest import load_manifest
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings

HTTP_PORT = 8000
DASHBOARD_PORT = 8265
NEEDED_CORES = 2
NEEDED_MEMORY_BYTES = 5_000_000_000
SPARE_DISK_BYTES = 2_000_000_000
MODULES = (
    "ray",
    "starlette",
    "ctranslate2",
    "faster_whisper",
    "xllamacpp",
    "onnxruntime",
    "openvino",
    "misaki",
    "av",
    "cv2",
)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `required` ones decide whether the default profile can run; `remedy` says what to do."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    required: bool = True


def check_python() -> Check:
    version = platform.python_version()
    return Check("python", sys.version_info >= (3, 11), version, "Install Python 3.11 or newer.")


def check_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Check:
    """The language model's runtime is built for AVX2."""
    flags = cpuinfo.read_text("utf-8", "replace").split() if cpuinfo.is_file() else []
    remedy = "The language model in process needs an x86-64 processor with AVX2; else choose an OpenAI-compatible URL."
    return Check("processor", "avx2" in flags, f"{platform.machine()}, AVX2 {'avx2' in flags}", remedy)


def check_cores() -> Check:
    cores = len(os.sched_getaffinity(0))
    remedy = f"{NEEDED_CORES} cores are needed to answer in real time; with fewer, speech and picture fall behind."
    return Check("cores", cores >= NEEDED_CORES, f"{cores} usable", remedy, required=False)


def check_memory(meminfo: Path = Path("/proc/meminfo"), limit: Path = Path("/sys/fs/cgroup/memory.max")) -> Check:
    """What is available now, or less where a container limits it."""
    available = 0
    for line in meminfo.read_text().splitlines() if meminfo.is_file() else []:
        if line.startswith("MemAvailable:"):
            available = int(line.split()[1]) * 1024
    capped = limit.read_text().strip() if limit.is_file() else "max"
    if capped.isdigit():
        available = min(available, int(capped))
    detail = f"{available / 1e9:.1f} GB available"
    return Check("memory", available >= NEEDED_MEMORY_BYTES, detail, "Free 5 GB of memory for the whole application.")


def check_packages(modules: tuple[str, ...] = MODULES) -> Check:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    detail = f"missing: {', '.join(missing)}" if missing else "all importable (av brings FFmpeg: no program is needed)"
    return Check("packages", not missing, detail, "make setup")


def check_openmp() -> Check:
    """The language model's runtime needs it of the system; ours stands in where it can."""
    try:
        load_openmp()
    except EngineFailed as error:
        return Check("OpenMP", False, error.message, "apt-get install libgomp1")
    return Check("OpenMP", True, SONAME)


def check_phonemes() -> Check:
    program = shutil.which("espeak-ng")
    bundled = importlib.util.find_spec("espeakng_loader") is not None
    detail = program or ("the espeakng-loader package" if bundled else "no espeak-ng")
    remedy = "apt-get install espeak-ng, or the extra 'espeak' (GPL-3): pip install -c constraints.txt -e '.[espeak]'"
    return Check("espeak-ng", program is not None or bundled, detail, remedy)


def check_weights(settings: WeightsSettings) -> list[Check]:
    """One finding for each set of the default profile, hashed if it never was."""
    found = []
    for weight_set in load_manifest().defaults():
        try:
            detail, ok = str(require(weight_set.name, settings)), True
        except WeightsMissing as error:
            detail, ok = error.message, False
        found.append(Check(f"weights {weight_set.name}", ok, detail, f"avatar models pull {weight_set.name}"))
    return found


def check_disk(settings: WeightsSettings) -> Check:
    folder = settings.cache_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free in {folder}"
    return Check("disk", free >= SPARE_DISK_BYTES, detail, "Free 2 GB, or choose another cache_dir.", required=False)


def check_port(port: int, purpose: str, required: bool) -> Check:
    """Free, or taken by something: perhaps by the application itself, which `/health` would tell."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            detail = f"{purpose}: {error.strerror}"
            remedy = f"If the application is not running already, stop what uses the port: ss -ltnp 'sport = :{port}'"
            return Check(f"port {port}", False, detail, remedy, required)
    return Check(f"port {port}", True, f"free, for {purpose}", required=required)


def all_checks(settings: WeightsSettings) -> list[Check]:
    """Everything, in the order of the report."""
    return [
        check_python(),
        check_processor(),
        check_cores(),
        check_memory(),
        check_packages(),
        check_openmp(),
        check_phonemes(),
        *check_weights(settings),
        check_disk(settings),
        check_port(HTTP_PORT, "the HTTP doors", required=True),
        check_port(DASHBOARD_PORT, "the Ray dashboard", required=False),
    ]
