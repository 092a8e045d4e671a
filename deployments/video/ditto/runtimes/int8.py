"""W and G in 8 bits: ranges of what their convolutions see, measured on faces, and quantisation written into the graph.

Weights are quantised a channel, what comes in as a whole, both symmetrically: TensorRT wants zero points of zero
(operators.json). Biases, norms, sampling and everything between convolutions keep the graph's own precision.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

LEVELS = 127
"""Of a sign: -127 to 127."""
OUTLIERS = 1e-4
"""The share of values that may lie beyond the range: they are cut off, and all others get finer steps."""
CONVOLUTIONS = (torch.conv2d, torch.conv3d)
LEAST_INPUTS = 16
"""Convolutions of fewer input channels take hardly any time, and lose most."""
SMALLEST_SCALE = 6.2e-5
"""Above float16's smallest normal number: below it scales would lose their digits."""
QUANTISED = ("fields", "tail", "decoder")
"""The graphs that run for every frame."""


@dataclass(slots=True)
class Seen:
    """Of one convolution: the largest absolute value of its input that is to be kept, and the multiplications of one
    call."""

    reach: float = 0.0
    work: float = 0.0


Ranges = dict[str, Seen]
"""By name of a convolution's weight."""


class Observer(TorchFunctionMode):
    """While it is entered, notes what convolutions of these weights are given, whichever module calls them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._names = convolutions(network)
        self.found: Ranges = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        name = self._names.get(id(args[1])) if func in CONVOLUTIONS else None
        if name is not None:
            seen = self.found.setdefault(name, Seen())
            seen.reach = max(seen.reach, _reach(args[0]))
            seen.work = float(made.numel() * args[1][0].numel())
        return made


def convolutions(network: nn.Module) -> dict[int, str]:
    """Names of the weights worth quantising, by the identity of the parameter."""
    return {
        id(parameter): name
        for name, parameter in network.named_parameters()
        if parameter.ndim >= 4 and parameter.shape[1] >= LEAST_INPUTS
    }


def measured(network: nn.Module, inputs: Iterable[tuple[Tensor, ...]]) -> Ranges:
    """The ranges of a network over several calls."""
    observer = Observer(network)
    with torch.no_grad():
        for given in inputs:
            with observer:
                network(*given)
    return observer.found


def quantised(model: onnx.ModelProto, ranges: Mapping[str, Seen]) -> onnx.ModelProto:
    """A copy of an exported graph whose convolutions named by `ranges` work on 8-bit inputs and weights.

    Each becomes QuantizeLinear and DequantizeLinear before its input and a DequantizeLinear after its 8-bit weights,
    which runtimes fuse into one 8-bit convolution. `ranges`: of `measured` for the graph's own network, or some of
    them.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    weights = {tensor.name: tensor for tensor in made.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in made.graph.node:
        name = node.input[1].removeprefix("network.") if node.op_type == "Conv" else ""
        tensor = weights.get(node.input[1]) if name in ranges else None
        if tensor is not None:
            nodes += _on_input(made.graph, node, ranges[name].reach, tensor.data_type)
            nodes += _on_weight(made.graph, node, tensor)
        nodes.append(node)
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    _drop_unused(made.graph)
    return made


def _reach(given: Tensor) -> float:
    """The absolute value that all but OUTLIERS of the values stay below."""
    values = given.detach().abs().flatten().float()
    beyond = max(1, int(OUTLIERS * values.numel()))
    return float(torch.topk(values, beyond).values[-1])


def _on_input(graph: onnx.GraphProto, node: onnx.NodeProto, reach: float, kind: int) -> list[onnx.NodeProto]:
    scale = max(reach / LEVELS, SMALLEST_SCALE)
    names = [f"{node.output[0]}_{part}" for part in ("in_scale", "in_zero", "in_int8", "in_back")]
    graph.initializer.append(helper.make_tensor(names[0], kind, (), [scale]))
    graph.initializer.append(helper.make_tensor(names[1], onnx.TensorProto.INT8, (), [0]))
    before = helper.make_node("QuantizeLinear", [node.input[0], names[0], names[1]], [names[2]])
    after = helper.make_node("DequantizeLinear", [names[2], names[0], names[1]], [names[3]])
    node.input[0] = names[3]
    return [before, after]


def _on_weight(graph: onnx.GraphProto, node: onnx.NodeProto, tensor: onnx.TensorProto) -> list[onnx.NodeProto]:
    values = numpy_helper.to_array(tensor)
    largest = np.abs(values.astype(np.float32)).reshape(len(values), -1).max(axis=1)
    # rounded to the graph's precision first: weights are then quantised by exactly the scale that undoes it
    scale = np.maximum(largest / LEVELS, SMALLEST_SCALE).astype(values.dtype)
    spread = scale.astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
    whole = np.clip(np.rint(values.astype(np.float32) / spread), -LEVELS, LEVELS).astype(np.int8)
    names = [f"{node.output[0]}_{part}" for part in ("w_int8", "w_scale", "w_zero", "w_back")]
    arrays = (whole, scale, np.zeros(len(values), np.int8))
    graph.initializer.extend(
        numpy_helper.from_array(array, name) for array, name in zip(arrays, names[:3], strict=True)
    )
    node.input[1] = names[3]
    return [helper.make_node("DequantizeLinear", names[:3], [names[3]], axis=0)]


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
