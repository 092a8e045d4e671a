"""Ditto's parts in the runtime that the settings name."""

from dataclasses import dataclass
from typing import Literal

import torch

from deployments.gpu.nvml import Cards, NvmlCards
from deployments.video.ditto.fast.diffusion import CachedDiffuser
from deployments.video.ditto.runtimes.cuda_graph import Graphed
from deployments.video.ditto.runtimes.engine_key import weights_digest
from deployments.video.ditto.runtimes.engine_store import EngineStore
from deployments.video.ditto.runtimes.exportable import Networks, precision_of
from deployments.video.ditto.runtimes.exported import (
    ExportedDiffuser,
    ExportedFaceNetworks,
    ExportedRenderer,
    ExportedStitcher,
)
from deployments.video.ditto.runtimes.graphs import Runner, graphs_of
from deployments.video.ditto.runtimes.onnx_runner import OnnxRunner
from deployments.video.ditto.runtimes.plan_header import REBUILD
from deployments.video.ditto.runtimes.sessions import open_session
from deployments.video.ditto.runtimes.settings import RuntimeSettings
from deployments.video.ditto.runtimes.targets import device_of, key_of
from deployments.video.ditto.runtimes.tensorrt_runner import TensorRt
from deployments.video.ditto.torch_faces import TorchFaces, TorchStitcher
from deployments.video.ditto.torch_renderer import TorchRenderer
from deployments.video.ditto.types import Diffuser, FaceNetworks, Renderer, Stitcher


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """The parts that have networks, but for HuBERT. `device`: where pictures come out."""

    faces: FaceNetworks
    diffuser: Diffuser
    stitcher: Stitcher
    renderer: Renderer
    device: torch.device


def open_networks(networks: Networks, settings: RuntimeSettings, cards: Cards | None = None) -> Opened:
    """The parts, ready to use but for warm-up. `networks` belong to them from then on.

    Raises EngineUnusable, naming the remedy, where engines are absent, stale, foreign or damaged; NoGpu and
    DriverTooOld where TensorRT cannot run here at all.
    """
    device = device_of(settings)
    torch.set_num_threads(settings.threads)
    torch.backends.cudnn.allow_tf32 = False  # what is in single precision stays so, as in the other runtimes
    if settings.runtime == "torch":
        return _in_torch(networks, settings, device)
    runners = stored_runners(networks, settings, device, cards or NvmlCards())
    most = settings.max_batch_frames
    return Opened(
        faces=ExportedFaceNetworks(runners["appearance"], runners["motion"]),
        diffuser=ExportedDiffuser(runners["diffusion"], most, device),
        stitcher=ExportedStitcher(runners["stitch"], most),
        renderer=ExportedRenderer(networks.sizes, runners, most, device),
        device=device,
    )


def stored_runners(
    networks: Networks, settings: RuntimeSettings, device: torch.device, cards: Cards
) -> dict[str, Runner]:
    """Every graph by name, from the stored engines of these very weights. Raises as open_networks."""
    plans = EngineStore(settings.engines_dir).get(key_of(weights_digest(networks.by_name()), settings, cards))
    graphs = graphs_of(networks.sizes)
    runners: dict[str, Runner] = {}
    tensorrt = TensorRt(settings.tensorrt_library, cards, device) if settings.runtime == "tensorrt" else None
    for name, plan in plans.items():
        own = precision_of(name, settings.half)
        if tensorrt is None:
            runners[name] = OnnxRunner(open_session(plan, settings, REBUILD), graphs[name], own, device)
        else:
            runners[name] = Graphed(tensorrt.runner(plan, graphs[name], own), enabled=settings.cuda_graphs)
    return runners


def _in_torch(networks: Networks, settings: RuntimeSettings, device: torch.device) -> Opened:
    precision: Literal["fp32", "fp16"] = "fp16" if settings.precision == "fp16" else "fp32"
    renderer = TorchRenderer(
        networks.warp,
        networks.decoder,
        device=device,
        precision=precision,
        channels_last=settings.channels_last and device.type == "cuda",
        fused_spade=settings.fused_spade and device.type == "cuda",
        cuda_graphs=settings.cuda_graphs,
        max_batch_frames=settings.max_batch_frames,
    )
    return Opened(
        faces=TorchFaces(networks.appearance, networks.motion, device, renderer.precision),
        diffuser=CachedDiffuser(networks.diffusion, device, graphs=settings.cuda_graphs),
        stitcher=TorchStitcher(networks.stitch, device),
        renderer=renderer,
        device=device,
    )
