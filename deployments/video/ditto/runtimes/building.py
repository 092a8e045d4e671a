"""Engines from networks: exported, linted, built, compared with torch, stored. Nothing unproven is stored."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import onnx
import torch
from torch import Tensor, nn

from deployments.errors import BadInput
from deployments.gpu.nvml import Cards
from deployments.video.ditto.runtimes import int8
from deployments.video.ditto.runtimes.checks import inferred, require_sound
from deployments.video.ditto.runtimes.engine_key import EngineKey, weights_digest
from deployments.video.ditto.runtimes.engine_store import Built, EngineStore
from deployments.video.ditto.runtimes.exportable import Networks, export_all, modules_of, precision_of
from deployments.video.ditto.runtimes.graphs import Runner, graphs_of
from deployments.video.ditto.runtimes.int8_choice import choose
from deployments.video.ditto.runtimes.lint import require_accepted
from deployments.video.ditto.runtimes.onnx_runner import OnnxRunner
from deployments.video.ditto.runtimes.plan_header import REBUILD
from deployments.video.ditto.runtimes.quality import Distance, distance, require_close
from deployments.video.ditto.runtimes.samples import Frames, checked_inputs, made_up, outputs_of, through
from deployments.video.ditto.runtimes.sessions import open_session
from deployments.video.ditto.runtimes.settings import RuntimeSettings
from deployments.video.ditto.runtimes.targets import device_of, key_of
from deployments.video.ditto.runtimes.tensorrt_build import BuildOptions, build_plan
from deployments.video.ditto.runtimes.tensorrt_runner import TensorRt

_TRIED_FRAMES = 2
"""That each convolution is tried on in 8 bits."""
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """What to build. `settings`: the runtime onnxruntime or tensorrt, its precision and batch. `ahead_of_time`: the
    compute capability, as sm_89, to build for with TensorRT-RTX on a machine without that card. `faces`: what 8 bits
    are calibrated on."""

    settings: RuntimeSettings
    ahead_of_time: str | None = None
    faces: Frames | None = None

    def __post_init__(self) -> None:
        """Raises BadInput where this cannot be built."""
        if self.settings.runtime == "torch":
            raise BadInput("The runtime torch needs no engines. Choose tensorrt or onnxruntime.")
        rtx = self.settings.runtime == "tensorrt" and self.settings.tensorrt_library == "tensorrt_rtx"
        if self.ahead_of_time is not None and not rtx:
            raise BadInput("Only TensorRT-RTX builds ahead of time; TensorRT's engines are built on their card.")
        if self.settings.precision == "int8" and self.faces is None:
            raise BadInput("8-bit engines are calibrated on avatars, and there was none. Enrol one, or use fp16.")


def build_engines(networks: Networks, order: Order, cards: Cards, told: Told) -> tuple[EngineKey, Path]:
    """Build every graph's engine and store the set under `engines_dir`. Returns its key and folder.

    `told` hears of each step. Raises EngineUnusable where an engine cannot be built or is too far from torch, with the
    measured figure; NoGpu and DriverTooOld where there is no card; Unsupported for a graph TensorRT does not take.
    """
    settings = order.settings
    key = key_of(weights_digest(networks.by_name()), settings, cards, order.ahead_of_time)
    told(f"Exporting {len(graphs_of(networks.sizes))} graphs in {settings.precision}")
    models = export_all(networks, settings.half)
    modules = modules_of(networks)
    frames = made_up(networks)
    if order.faces is not None:
        frames = order.faces
    if settings.precision == "int8":
        told(f"Calibrating on {len(frames.picture)} frames")
        where = device_of(settings) if torch.cuda.is_available() else torch.device("cpu")
        eight, share = _in_8_bits(models, modules, frames, where)
        models |= eight
        told(f"  {100 * share:.0f} % of W's and G's convolutions in 8 bits")
    makers = _Makers(networks, order, cards)
    built: dict[str, Built] = {}
    runners: dict[str, Runner] = {}
    wanted = checked_inputs(networks, modules, frames)
    for name, model in models.items():
        plan, runners[name] = makers.make(name, model)
        found = distance(outputs_of(runners[name], wanted[name]), outputs_of(modules[name], wanted[name]))
        told(f"  {name:<10} {len(plan) / 1e6:7.1f} MB  {found.psnr_db:6.1f} dB from torch")
        if precision_of(name, settings.half) == torch.float32 and name not in int8_graphs(settings):
            require_close(found, "fp32", name)
        built[name] = Built(plan, found.largest, found.psnr_db, makers.checked)
    whole = _pictures_apart(modules, runners, wanted["appearance"][0], frames)
    told(f"  pictures are {whole.psnr_db:.1f} dB from torch")
    require_close(whole, settings.precision, "The picture")
    return key, EngineStore(settings.engines_dir).put(key, built)


def int8_graphs(settings: RuntimeSettings) -> tuple[str, ...]:
    """Which graphs are in 8 bits."""
    return int8.QUANTISED if settings.precision == "int8" else ()


def _in_8_bits(
    models: Mapping[str, onnx.ModelProto], modules: Mapping[str, nn.Module], frames: Frames, device: torch.device
) -> tuple[dict[str, onnx.ModelProto], float]:
    """The graphs of int8.QUANTISED, checked anew, and the share of their work that is in 8 bits. `device`: where the
    modules are tried."""
    for module in modules.values():
        module.to(device)
    with torch.no_grad():
        placed = frames.to(device)
        singles = [through(modules, placed.rows(row, row + 1)) for row in range(len(frames.picture))]
        some = through(modules, placed.rows(0, _TRIED_FRAMES))
    ranges = {name: int8.measured(modules[name], [single[name] for single in singles]) for name in int8.QUANTISED}
    choice = choose(modules, some, some["image"][0], ranges)
    for module in modules.values():
        module.to("cpu")
    found = {name: int8.quantised(models[name], choice.ranges[name]) for name in int8.QUANTISED}
    for name, model in found.items():
        require_sound(model, name)
        require_accepted(inferred(model), "11.2", name)
    return found, choice.share


def _pictures_apart(
    modules: Mapping[str, nn.Module], runners: Mapping[str, Runner], pictures: Tensor, frames: Frames
) -> Distance:
    """The renderer as a whole, from the photo on: errors of one graph go into the next."""
    with torch.no_grad():
        some = frames.rows(0, len(pictures))
        wanted = through(modules, some)["image"]
        return distance([tensor.cpu() for tensor in through(runners, some)["image"]], wanted)


class _Makers:
    """Plans, and what runs them here: the engine itself where its card is here, else the graph it comes from."""

    def __init__(self, networks: Networks, order: Order, cards: Cards) -> None:
        self._graphs = graphs_of(networks.sizes)
        self._order = order
        self._settings = order.settings
        here = self._settings.runtime == "tensorrt" and order.ahead_of_time is None
        self._device = device_of(self._settings)
        self._tensorrt = TensorRt(self._settings.tensorrt_library, cards, self._device) if here else None
        self.checked: Literal["engine", "graph"] = "graph" if order.ahead_of_time is not None else "engine"

    def make(self, name: str, model: onnx.ModelProto) -> tuple[bytes, Runner]:
        settings, graph = self._settings, self._graphs[name]
        own = precision_of(name, settings.half)
        if settings.runtime == "onnxruntime":
            plan = model.SerializeToString()
            return plan, OnnxRunner(open_session(plan, settings, REBUILD), graph, own, self._device)
        options = BuildOptions(settings.tensorrt_library, settings.max_batch_frames, self._order.ahead_of_time)
        plan = build_plan(model, options, name)
        if self._tensorrt is not None:
            return plan, self._tensorrt.runner(plan, graph, own)
        on_host = RuntimeSettings(runtime="onnxruntime", device="cpu", threads=settings.threads)
        session = open_session(model.SerializeToString(), on_host, REBUILD)
        return plan, OnnxRunner(session, graph, own, torch.device("cpu"))
