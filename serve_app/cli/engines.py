"""`avatar engines build | list | check`: Ditto's networks compiled for this machine's card, or ahead of time for
another."""

import argparse
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from deployments.errors import BadInput
from deployments.video.ditto.runtimes.settings import RuntimeSettings
from serve_app.args import AppArgs
from serve_app.cli.configuration import read_config

if TYPE_CHECKING:
    from deployments.video.ditto.runtimes.exportable import Networks

_FRAMES_EACH = 8
_RTX = "tensorrt_rtx"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command; its namespace gets `run`, a function of the namespace that returns the exit status."""
    parser = subparsers.add_parser("engines", help="compile Ditto's networks for the card of this machine")
    actions = parser.add_subparsers(dest="action", required=True)
    building = actions.add_parser("build", help="export, build, compare with torch, store")
    building.set_defaults(run=build)
    building.add_argument("--runtime", choices=("tensorrt", "onnxruntime"), help="default: tensorrt")
    building.add_argument("--precision", choices=("fp16", "fp32", "int8"), help="of W and G; default: fp16")
    building.add_argument("--device", choices=("cuda", "cpu"), help="where they will run; default: cuda")
    building.add_argument("--max-batch-frames", type=int, metavar="N", help="most frames at once; default: 5")
    building.add_argument(
        "--ahead-of-time", metavar="sm_NN", help="for a card that is not here, as sm_89, with TensorRT-RTX"
    )
    building.add_argument(
        "--frames-each", type=int, default=_FRAMES_EACH, metavar="N", help="frames of each avatar that int8 sees"
    )
    listing = actions.add_parser("list", help="what is stored, and what it is for")
    listing.set_defaults(run=list_engines)
    checking = actions.add_parser("check", help="read every stored file and say what is wrong with it")
    checking.set_defaults(run=check)
    for action in (building, listing, checking):
        action.add_argument("--config", type=Path, help="a Serve configuration: its video.ditto.runtime is meant")
        action.add_argument("--engines-dir", type=Path, metavar="DIR", help="folder of the engines")


def build(arguments: argparse.Namespace) -> int:
    """Build and store a set. Raises BadInput, WeightsMissing, EngineUnusable, NoGpu, DriverTooOld, Unsupported."""
    args = _args(arguments)
    settings = _chosen(args, arguments)
    _require_torch()
    from deployments.gpu.nvml import NvmlCards
    from deployments.video.ditto.runtimes.building import Order, build_engines
    from deployments.video.ditto.runtimes.calibration import stored_frames
    from deployments.video.ditto.runtimes.targets import key_of

    # what the machine lacks is told before the weights are read
    key_of("0" * 64, settings, NvmlCards(), arguments.ahead_of_time)
    networks = load_networks(args)
    eight = settings.precision == "int8"
    faces = stored_frames(args.store.url, networks, arguments.frames_each) if eight else None
    order = Order(settings, arguments.ahead_of_time, faces)
    key, folder = build_engines(networks, order, NvmlCards(), lambda line: print(line, flush=True))
    print(f"Engines for {key.card} ({key.capability}) in {key.precision} are in {folder}")
    return 0


def load_networks(args: AppArgs) -> "Networks":
    """The published weights. Raises WeightsMissing, with the remedy."""
    from deployments.video.ditto import loading
    from deployments.video.ditto.sizes import FULL
    from deployments.weights.resolver import require

    return loading.load_networks(require(args.video.ditto.weights.networks, args.weights), FULL)


def list_engines(arguments: argparse.Namespace) -> int:
    """Print each set with what it is for. Exit status 0."""
    _require_torch()
    from deployments.video.ditto.runtimes.engine_store import EngineStore, Manifest

    root = _engines_dir(arguments)
    for folder, entry in EngineStore(root).manifests().items():
        if not isinstance(entry, Manifest):
            print(f"{folder.name}  damaged: {entry.message}")
            continue
        size = sum(engine.size_bytes for engine in entry.engines.values()) / 1e6
        key = entry.key
        least = min(engine.psnr_db for engine in entry.engines.values())
        print(
            f"{folder.name}  {size:.0f} MB  {key.library} {key.version} for {key.card} ({key.capability}), "
            f"{key.precision}, up to {key.max_batch_frames} frames, {least:.0f} dB or better"
        )
    print(f"in {root}")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Hash every file, read every header. Exit status 1 where something is wrong."""
    _require_torch()
    from deployments.video.ditto.runtimes.engine_store import EngineStore

    store = EngineStore(_engines_dir(arguments))
    wrong = False
    for folder in store.manifests():
        said = store.check(folder)
        wrong = wrong or bool(said)
        print(f"{folder.name}: " + ("ok" if not said else ""))
        for sentence in said:
            print(f"  {sentence}")
    return int(wrong)


def _args(arguments: argparse.Namespace) -> AppArgs:
    """Those of --config, or the defaults. Raises BadInput."""
    if arguments.config is None:
        return AppArgs()
    config = read_config(arguments.config, None, None)
    for application in config["applications"]:
        if "video" in (application.get("args") or {}):
            try:
                return AppArgs.model_validate(application["args"])
            except ValidationError as error:
                raise BadInput(f"{arguments.config}: {error}") from error
    return AppArgs()


def _engines_dir(arguments: argparse.Namespace) -> Path:
    given: Path | None = arguments.engines_dir
    return given.expanduser().absolute() if given else _args(arguments).video.ditto.runtime.engines_dir


def _chosen(args: AppArgs, arguments: argparse.Namespace) -> RuntimeSettings:
    """The configuration's runtime, or without one half precision in TensorRT, with what the command line says
    otherwise. Raises BadInput."""
    configured: dict[str, Any] = {"runtime": "tensorrt", "precision": "fp16", "device": "cuda"}
    if arguments.config is not None:
        configured = args.video.ditto.runtime.model_dump()
    names = ("runtime", "precision", "device", "max_batch_frames", "engines_dir")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    if arguments.ahead_of_time is not None:
        given |= {"runtime": "tensorrt", "device": "cuda", "tensorrt_library": _RTX}
    try:
        return RuntimeSettings.model_validate(configured | given)
    except ValidationError as error:
        said = "; ".join(problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise BadInput(f"These settings do not go together: {said}.") from error


def _require_torch() -> None:
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("onnxscript") is None:
        raise BadInput("Engines are exported by PyTorch, which is not installed: pip install 'realtime-avatar[gpu]'.")
