"""Names of ONNX's element types, as TensorRT's documents write them, and what is known of a graph's tensors."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

NAMES: dict[int, str] = {
    onnx.TensorProto.FLOAT: "FP32",
    onnx.TensorProto.FLOAT16: "FP16",
    onnx.TensorProto.BFLOAT16: "BF16",
    onnx.TensorProto.DOUBLE: "DOUBLE",
    onnx.TensorProto.INT8: "INT8",
    onnx.TensorProto.UINT8: "UINT8",
    onnx.TensorProto.INT32: "INT32",
    onnx.TensorProto.INT64: "INT64",
    onnx.TensorProto.BOOL: "BOOL",
}

Dimension = int | str | None
"""Fixed, symbolic, or unknown."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one tensor: its type's name, its dimensions (None: not even the rank)."""

    type: str
    shape: tuple[Dimension, ...] | None


@dataclass(frozen=True, slots=True)
class Facts:
    """A graph's tensors by name, its constants, and which node makes a tensor."""

    tensors: dict[str, Known] = field(default_factory=dict)
    constants: dict[str, npt.NDArray[np.generic]] = field(default_factory=dict)
    makers: dict[str, onnx.NodeProto] = field(default_factory=dict)


def facts_of(model: onnx.ModelProto) -> Facts:
    """What shape inference has noted in `model`; run it first for anything but inputs, outputs and initializers."""
    facts = Facts()
    graph = model.graph
    for value in (*graph.value_info, *graph.input, *graph.output):
        facts.tensors[value.name] = _known(value)
    for tensor in graph.initializer:
        _note_constant(facts, tensor.name, tensor)
    for node in graph.node:
        for name in node.output:
            facts.makers[name] = node
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    _note_constant(facts, node.output[0], attribute.t)
                elif attribute.name in ("value_ints", "value_floats"):
                    listed = attribute.ints or attribute.floats
                    facts.constants[node.output[0]] = np.asarray(listed)
    return facts


def nodes_of(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Every node, those inside branches and loops too."""
    waiting = [model.graph]
    while waiting:
        for node in waiting.pop().node:
            yield node
            for attribute in node.attribute:
                waiting.extend([attribute.g] if attribute.HasField("g") else attribute.graphs)


def dimensions(value: onnx.ValueInfoProto) -> tuple[Dimension, ...] | None:
    """Of a declared tensor; None where its shape is not given."""
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return None
    return tuple(
        dimension.dim_value if dimension.HasField("dim_value") else (dimension.dim_param or None)
        for dimension in kind.shape.dim
    )


def _known(value: onnx.ValueInfoProto) -> Known:
    return Known(NAMES.get(value.type.tensor_type.elem_type, "other"), dimensions(value))


def _note_constant(facts: Facts, name: str, tensor: onnx.TensorProto) -> None:
    facts.tensors[name] = Known(NAMES.get(tensor.data_type, "other"), tuple(tensor.dims))
    # Weights are many and large; only small constants are ever asked for their values.
    if int(np.prod(tensor.dims, dtype=np.int64)) <= _SMALL and not tensor.external_data:
        facts.constants[name] = numpy_helper.to_array(tensor)
    else:
        facts.constants[name] = np.zeros(0)


_SMALL = 65_536
