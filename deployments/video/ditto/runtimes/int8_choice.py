"""Which convolutions of W and G go into 8 bits: as much of the work as leaves the picture close enough.

Each is tried alone, in torch, on real frames. Errors of many are nearly independent, so their squares add up; those
that cost least for the work they speed up come first, until the allowance is used up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from deployments.video.ditto.runtimes.int8 import (
    CONVOLUTIONS,
    LEVELS,
    QUANTISED,
    SMALLEST_SCALE,
    Ranges,
    convolutions,
)
from deployments.video.ditto.runtimes.quality import LEAST_DB

MARGIN_DB = 2.0
"""Kept in hand: the errors of frames that were not tried, and what of the errors is not independent."""

Inputs = Mapping[str, tuple[Tensor, ...]]


@dataclass(frozen=True, slots=True)
class Choice:
    """`ranges`: of the convolutions that go into 8 bits, by graph. `share`: of W's and G's convolutions' work."""

    ranges: dict[str, Ranges]
    share: float


class Rounded(TorchFunctionMode):
    """While it is entered, these convolutions of a network compute with 8-bit inputs and weights, as a graph of
    int8.quantised does."""

    def __init__(self, network: nn.Module, ranges: Ranges) -> None:
        super().__init__()
        self._ranges = {key: ranges[name] for key, name in convolutions(network).items() if name in ranges}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        seen = self._ranges.get(id(args[1])) if func in CONVOLUTIONS else None
        if seen is not None:
            given, weight = args[0], args[1]
            each = weight.abs().flatten(1).amax(1).view(-1, *[1] * (weight.ndim - 1))
            reach = torch.as_tensor(seen.reach, device=given.device)
            args = (_rounded(given, reach), _rounded(weight, each), *args[2:])
        return func(*args, **(kwargs or {}))


def choose(modules: Mapping[str, nn.Module], inputs: Inputs, wanted: Tensor, ranges: Mapping[str, Ranges]) -> Choice:
    """Out of `ranges`, measured by graph. `inputs`: of each graph for some frames, and `wanted`, the pictures
    [n, 3, h, w] that come of them, all by `modules` in float32."""
    allowance = 10 ** (-(LEAST_DB["int8"] + MARGIN_DB) / 10)
    tried = []
    for graph in QUANTISED:
        for name, seen in ranges[graph].items():
            error = _error(modules, inputs, wanted, graph, {name: seen})
            tried.append((error / seen.work, error, graph, name))
    chosen: dict[str, Ranges] = {graph: {} for graph in QUANTISED}
    for _, error, graph, name in sorted(tried):
        if error <= allowance:
            allowance -= error
            chosen[graph][name] = ranges[graph][name]
    return Choice(chosen, _work(chosen) / max(_work(ranges), 1.0))


def _error(modules: Mapping[str, nn.Module], inputs: Inputs, wanted: Tensor, graph: str, ranges: Ranges) -> float:
    """Mean square error of the pictures where these convolutions of one graph are rounded."""
    with torch.no_grad():
        with Rounded(modules[graph], ranges):
            made = modules[graph](*inputs[graph])
        if graph == "fields":
            feature, source, driving = inputs["tail"][:3]
            made = modules["tail"](feature, source, driving, *made)
        if graph != "decoder":
            made = modules["decoder"](made)
    return float(((made - wanted) ** 2).mean())


def _rounded(values: Tensor, reach: Tensor) -> Tensor:
    scale = (reach / LEVELS).clamp_min(SMALLEST_SCALE)
    return (values / scale).round().clamp(-LEVELS - 1, LEVELS) * scale


def _work(ranges: Mapping[str, Ranges]) -> float:
    return sum(seen.work for some in ranges.values() for seen in some.values())
