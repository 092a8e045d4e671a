"""Ditto's networks in the form that each graph is exported from."""

from dataclasses import dataclass, fields

import onnx
import torch
from torch import nn

from deployments.video.ditto.fast.decoder import FastDecoder
from deployments.video.ditto.fast.sampling import Sampling
from deployments.video.ditto.fast.warp import FieldsNet, IdentityNet, WarpTail
from deployments.video.ditto.networks.appearance import Appearance
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.diffusion import MotionDiffusion
from deployments.video.ditto.networks.motion import MotionExtractor
from deployments.video.ditto.networks.stitch import Stitch
from deployments.video.ditto.networks.warp import Warp
from deployments.video.ditto.runtimes.export import export
from deployments.video.ditto.runtimes.graphs import RENDERER_GRAPHS, graphs_of
from deployments.video.ditto.runtimes.lint import TensorRtVersion
from deployments.video.ditto.sizes import Sizes

HALVED = (*RENDERER_GRAPHS, "appearance")
"""Graphs that half precision is for. Keypoints and the diffusion stay float32: little work, and errors that add up."""


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """The six networks with their weights, as published, in evaluation mode, on the CPU in float32."""

    appearance: Appearance
    motion: MotionExtractor
    stitch: Stitch
    diffusion: MotionDiffusion
    warp: Warp
    decoder: Decoder

    @property
    def sizes(self) -> Sizes:
        return self.warp.sizes

    def by_name(self) -> dict[str, nn.Module]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def modules_of(networks: Networks, sampling: Sampling = "rank5") -> dict[str, nn.Module]:
    """What each graph of graphs_of is made from, by its name. `sampling`: rank4 for TensorRT 10."""
    return {
        "appearance": networks.appearance,
        "motion": networks.motion,
        "stitch": networks.stitch,
        "diffusion": networks.diffusion,
        "identity": IdentityNet(networks.warp),
        "fields": FieldsNet(networks.warp),
        "tail": WarpTail(networks.warp, sampling=sampling),
        "decoder": FastDecoder(networks.decoder),
    }


def precision_of(graph: str, half: bool) -> torch.dtype:
    """The type of a graph's own tensors, where the renderer is to be in half precision or not."""
    return torch.float16 if half and graph in HALVED else torch.float32


def export_all(
    networks: Networks, half: bool = False, tensorrt: TensorRtVersion | None = "11.2"
) -> dict[str, onnx.ModelProto]:
    """Every graph by name; for TensorRT 10.15 without rank-5 sampling. Raises Unsupported as `export` does."""
    graphs = graphs_of(networks.sizes)
    modules = modules_of(networks, "rank4" if tensorrt == "10.15" else "rank5")
    return {name: export(module, graphs[name], precision_of(name, half), tensorrt) for name, module in modules.items()}
