"""The graphs that Ditto is exported as: their inputs and outputs, the same for every runtime."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from deployments.video.ditto.sizes import ANGLE_BINS, CONDITION_DIMS, MOTION_DIMS, POINTS, WINDOW_FRAMES, Sizes

Kind = Literal["own", "fp32", "int64"]
"""of an input or output: in the graph's own precision (float32 or float16), always float32, or int64."""

MOTION_PICTURE_PIXELS = 256
RENDERER_GRAPHS = ("identity", "fields", "tail", "decoder")
"""W and G, whose precision can be chosen; the first of them runs once an avatar."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output: its shape has the batch in front."""

    name: str
    shape: tuple[int, ...]
    kind: Kind = "fp32"

    def type(self, own: torch.dtype) -> torch.dtype:
        """Of its tensors, in a graph of the precision `own`."""
        return {"own": own, "fp32": torch.float32, "int64": torch.int64}[self.kind]


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph's name and its ports in order."""

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


Runner = Callable[..., Sequence[Tensor]]
"""One graph in some runtime: tensors of its inputs in order to tensors of its outputs in order, on one device, with a
batch that is the same for all."""


def graphs_of(sizes: Sizes) -> dict[str, Graph]:
    """By name. `mask` is over 22 motions, the first of them standing still."""
    grid, depth, channels = sizes.grid, sizes.depth, sizes.volume_channels
    points = (POINTS, 3)
    feature = Port("feature", (channels, depth, grid, grid), "own")
    compressed = Port("compressed", (sizes.compressed_channels, depth, grid, grid), "own")
    heat = Port("heat", (POINTS, depth, grid, grid), "own")
    mask = Port("mask", (POINTS + 1, depth, grid, grid), "own")
    occlusion = Port("occlusion", (1, grid, grid), "own")
    warped = Port("warped", (sizes.warped_channels, grid, grid), "own")
    source, driving = Port("source", points), Port("driving", points)
    motion = Port("motion", (WINDOW_FRAMES, MOTION_DIMS))
    angles = tuple(Port(name, (ANGLE_BINS,)) for name in ("pitch", "yaw", "roll"))
    heads = (*angles, Port("t", (3,)), Port("exp", (3 * POINTS,)), Port("scale", (1,)), Port("kp", (3 * POINTS,)))
    every = (
        Graph("appearance", (Port("picture", (3, sizes.source_pixels, sizes.source_pixels), "own"),), (feature,)),
        Graph("motion", (Port("picture", (3, MOTION_PICTURE_PIXELS, MOTION_PICTURE_PIXELS)),), heads),
        Graph("stitch", (source, driving), (Port("stitched", points),)),
        Graph(
            "diffusion",
            (
                Port("x", (WINDOW_FRAMES, MOTION_DIMS)),
                Port("first", (MOTION_DIMS,)),
                Port("conditions", (WINDOW_FRAMES, CONDITION_DIMS)),
                Port("times", (), "int64"),
            ),
            (motion,),
        ),
        Graph("identity", (feature, source), (compressed, heat)),
        Graph("fields", (compressed, heat, source, driving), (mask, occlusion)),
        Graph("tail", (feature, source, driving, mask, occlusion), (warped,)),
        Graph("decoder", (warped,), (Port("image", (3, sizes.face_pixels, sizes.face_pixels), "own"),)),
    )
    return {graph.name: graph for graph in every}


def example(graph: Graph, batch: int, own: torch.dtype, seed: int = 0) -> tuple[Tensor, ...]:
    """Inputs that differ from row to row, in the range of real ones: points and pictures in -1..1, masks that sum to
    one, times 0 to 999."""
    generator = torch.Generator().manual_seed(seed)
    made = []
    for port in graph.inputs:
        shape = (batch, *port.shape)
        if port.kind == "int64":
            values = torch.randint(0, 1000, shape, generator=generator)
        elif port.name == "mask":
            values = torch.rand(shape, generator=generator).softmax(1)
        elif port.name in ("picture", "occlusion", "source", "driving"):
            values = torch.rand(shape, generator=generator)
        else:
            values = torch.randn(shape, generator=generator)
        made.append(values.to(port.type(own)))
    return tuple(made)
