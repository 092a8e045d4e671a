"""Frames that engines are checked and calibrated on, taken through every graph as a real one goes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deployments.video.ditto.face.avatar import DittoAvatar
from deployments.video.ditto.motion.keypoints import keypoints
from deployments.video.ditto.runtimes.exportable import Networks
from deployments.video.ditto.runtimes.graphs import MOTION_PICTURE_PIXELS, Graph, example, graphs_of
from deployments.video.ditto.sizes import POINTS

_CHECKED_ROWS = 3
_NODS_DEGREES = 8.0
"""How far sampled heads turn either way: about what speech does."""
_EXPRESSION = 0.02
"""Standard deviation of sampled expressions, in the units of keypoints."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """n frames of some faces, float32. `picture` [n, 3, 4·grid, 4·grid] in 0..1; `source`, `driving` [n, 21, 3]."""

    picture: Tensor
    source: Tensor
    driving: Tensor

    def rows(self, start: int, end: int) -> "Frames":
        return Frames(self.picture[start:end], self.source[start:end], self.driving[start:end])

    def to(self, device: torch.device) -> "Frames":
        return Frames(self.picture.to(device), self.source.to(device), self.driving.to(device))


def made_up(networks: Networks, seed: int = 0) -> Frames:
    """Three frames that differ, of nobody: smooth pictures, points spread over the face."""
    generator = torch.Generator().manual_seed(seed)
    side = networks.sizes.source_pixels
    coarse = torch.rand(_CHECKED_ROWS, 3, 8, 8, generator=generator)
    picture = F.interpolate(coarse, size=(side, side), mode="bilinear")
    source = torch.rand(_CHECKED_ROWS, POINTS, 3, generator=generator) - 0.5
    driving = source + _EXPRESSION * torch.randn(_CHECKED_ROWS, POINTS, 3, generator=generator)
    return Frames(picture, source, driving)


def of_avatars(avatars: Sequence[DittoAvatar], networks: Networks, each: int, seed: int = 0) -> Frames:
    """`each` frames of every avatar: its picture, its keypoints, and those of a head turned and a face moved a bit."""
    generator = np.random.default_rng(seed)
    pictures, sources, driven = [], [], []
    for avatar in avatars:
        parts = {name: getattr(avatar.motion, name) for name in ("scale", "pitch", "yaw", "roll", "t", "exp", "kp")}
        for _ in range(each):
            moved = dict(parts)
            for angle in ("pitch", "yaw", "roll"):
                moved[angle] = np.asarray(generator.uniform(-_NODS_DEGREES, _NODS_DEGREES, (1, 1)), np.float32)
            moved["exp"] = parts["exp"] + generator.normal(0, _EXPRESSION, parts["exp"].shape).astype(np.float32)
            pictures.append(torch.from_numpy(avatar.picture(networks.sizes.source_pixels)))
            sources.append(torch.from_numpy(keypoints(parts)))
            driven.append(torch.from_numpy(keypoints(moved)))
    return Frames(torch.cat(pictures), torch.stack(sources), torch.stack(driven))


def through(modules: Mapping[str, Callable[..., object]], frames: Frames) -> dict[str, tuple[Tensor, ...]]:
    """The inputs of each of the renderer's graphs and of appearance, and under "image" what comes out, for modules (or
    runners) of those names. Run under no_grad."""
    points = (frames.source, frames.driving)
    found: dict[str, tuple[Tensor, ...]] = {"appearance": (frames.picture,)}
    (feature,) = _called(modules["appearance"], *found["appearance"])
    found["identity"] = (feature, frames.source)
    constants = _called(modules["identity"], *found["identity"])
    found["fields"] = (*constants, *points)
    where = _called(modules["fields"], *found["fields"])
    found["tail"] = (feature, *points, *where)
    found["decoder"] = _called(modules["tail"], *found["tail"])
    found["image"] = _called(modules["decoder"], *found["decoder"])
    return found


def checked_inputs(
    networks: Networks, modules: Mapping[str, nn.Module], frames: Frames
) -> dict[str, tuple[Tensor, ...]]:
    """Three rows of inputs for every graph, float32: real ones for the renderer's, made-up ones for the others."""
    graphs = graphs_of(networks.sizes)
    with torch.no_grad():
        inputs = through(modules, frames.rows(0, _CHECKED_ROWS))
    for name in ("stitch", "diffusion"):
        inputs[name] = example(graphs[name], _CHECKED_ROWS, torch.float32)
    side = MOTION_PICTURE_PIXELS
    inputs["motion"] = (F.interpolate(frames.picture[:_CHECKED_ROWS], size=(side, side), mode="bilinear"),)
    return {name: inputs[name] for name in graphs}


def outputs_of(module: Callable[..., object], inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Of a module or runner, as a tuple."""
    with torch.no_grad():
        return _called(module, *inputs)


def as_asked(inputs: Sequence[Tensor], graph: Graph, own: torch.dtype) -> tuple[Tensor, ...]:
    """The inputs in the types of the graph's ports."""
    return tuple(tensor.to(port.type(own)) for tensor, port in zip(inputs, graph.inputs, strict=True))


def _called(module: Callable[..., object], *inputs: Tensor) -> tuple[Tensor, ...]:
    made = module(*inputs)
    if isinstance(made, Tensor):
        return (made,)
    assert isinstance(made, Sequence)
    return tuple(made)
