"""What `avatar doctor --config` looks at besides the machine: what the configured engines need."""

import os
import shutil
import sysconfig
from pathlib import Path

from deployments.gpu.errors import NoGpu
from deployments.gpu.nvml import NvmlCards, visible_card
from deployments.weights.resolver import require
from serve_app.args import AppArgs
from serve_app.cli.machine_checks import Check, check_packages
from serve_app.cli.weights_check import configured, needed, problem

_ENGINES = "pip install --constraint constraints.txt --editable '.[{}]'"
ONNX_RUNTIME_REMEDY = "pip install --constraint constraints.txt --force-reinstall --no-deps onnxruntime-gpu"


def config_checks(config: Path) -> list[Check]:
    """Findings for each application of a Serve configuration. Raises BadInput for one that is not understood."""
    return [check for args in configured(config) for check in engine_checks(args)]


def engine_checks(args: AppArgs) -> list[Check]:
    """Packages, weights with their licences, and the card."""
    found = [_packages(args)]
    found += [_weights(name, args) for name in needed(args)]
    if "cuda" in devices(args):
        found.append(_card())
    if args.video.engine == "ditto" and args.video.ditto.runtime.device == "cuda":
        found.append(_onnx_runtime())
        if args.video.ditto.runtime.runtime == "torch" and args.video.ditto.runtime.fused_spade:
            found.append(_compiler())
    return found


def devices(args: AppArgs) -> set[str]:
    """Where the configured engines run."""
    used = {args.asr.device}
    if args.tts.engine == "xtts":
        used.add(args.tts.xtts.device)
    if args.video.engine == "ditto":
        used.add(args.video.ditto.runtime.device)
    return set(used)


def _packages(args: AppArgs) -> Check:
    modules = ["ctranslate2", "faster_whisper"]
    modules += ["torch"] if args.tts.engine == "xtts" or args.video.engine == "ditto" else []
    modules += ["TTS", "torchaudio"] if args.tts.engine == "xtts" else []
    modules += ["tensorrt"] if args.video.engine == "ditto" and _runs_tensorrt(args) else []
    found = check_packages(tuple(modules))
    extra = "gpu" if "cuda" in devices(args) else "engines"
    return Check("engine packages", found.ok, found.detail, _ENGINES.format(extra))


def _runs_tensorrt(args: AppArgs) -> bool:
    runtime = args.video.ditto.runtime
    return runtime.runtime == "tensorrt" and runtime.tensorrt_library == "tensorrt"


def _onnx_runtime() -> Check:
    """Ditto's HuBERT runs on ONNX Runtime, whatever runs the rest. Its build for CUDA has the same modules as the one
    for the CPU, which other packages ask for by name: it is put over that one."""
    import onnxruntime

    able = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    detail = f"{onnxruntime.__version__}, " + ("with CUDA" if able else "without CUDA: Ditto could not hear")
    return Check("ONNX Runtime", able, detail, ONNX_RUNTIME_REMEDY)


def _weights(name: str, args: AppArgs) -> Check:
    wrong = problem(name, args.weights)
    if wrong is None:
        return Check(f"weights {name}", True, str(require(name, args.weights)))
    return Check(f"weights {name}", False, wrong, f"avatar models pull {name}")


def _compiler() -> Check:
    """Triton builds what launches its kernels on the machine that runs them."""
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    headers = Path(sysconfig.get_paths()["include"], "Python.h")
    missing = [name for name, there in (("a C compiler", compiler), (str(headers), headers.is_file())) if not there]
    remedy = "Install gcc and Python's headers (build-essential, python3-dev), or set runtime.fused_spade to false."
    return Check("compiler", not missing, f"without {' and '.join(missing)}" if missing else str(compiler), remedy)


def _card() -> Check:
    try:
        cards = NvmlCards()
        card, driver = cards.card(visible_card()), cards.driver()
    except (NoGpu, ImportError) as error:
        reason = error.message if isinstance(error, NoGpu) else f"nvidia-ml-py is not installed ({error})"
        return Check("GPU", False, reason, "Install NVIDIA's driver and nvidia-ml-py, or use serve_config.yaml.")
    return Check("GPU", True, f"{card.name}, {card.total_bytes / 1e9:.1f} GB, driver {driver}")
