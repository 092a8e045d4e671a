"""From torch modules to ONNX graphs: any batch, one precision, checked and linted before anyone sees them."""

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import onnx
import torch
from torch import Tensor, nn

from deployments.video.ditto.runtimes.checks import inferred, require_sound
from deployments.video.ditto.runtimes.graphs import Graph, example
from deployments.video.ditto.runtimes.lint import TensorRtVersion, require_accepted

OPSET = 20
"""The first with rank-5 GridSample; TensorRT 10.15 and 11.2 take 9 to 24."""
EXAMPLE_BATCH = 2
"""With one of 1 the exporter would take the batch for a constant."""


def export(
    network: nn.Module, graph: Graph, own: torch.dtype, accepted_by: TensorRtVersion | None = "11.2"
) -> onnx.ModelProto:
    """The graph of `network`, whose forward takes the graph's inputs and returns its outputs in order.

    `own`: float32 or float16, of weights and of the ports of that kind; strongly typed engines take their precision
    from it. `network` stays as it is. Raises Unsupported where the batch is not free everywhere, or where that version
    of TensorRT would not take the graph (None: no matter).
    """
    placed = _OneBatch(copy.deepcopy(network).to("cpu", own)).eval().requires_grad_(False)
    batch = torch.export.Dim("b")
    inputs = example(graph, EXAMPLE_BATCH, own)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            placed,
            inputs,
            dynamo=True,
            dynamic_shapes=(tuple({0: batch} for _ in inputs),),
            input_names=[port.name for port in graph.inputs],
            output_names=[port.name for port in graph.outputs],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    _strip(model)
    require_sound(model, graph.name)
    if accepted_by is not None:
        require_accepted(inferred(model), accepted_by, graph.name)
    return model


class _OneBatch(nn.Module):
    """The network, told before anything else that all inputs have one batch: what it learns of that later, when rows of
    several inputs have been joined, comes too late to keep the batch free."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        for tensor in inputs[1:]:
            torch._check(tensor.shape[0] == inputs[0].shape[0])  # type: ignore[no-untyped-call]
        found: Tensor | tuple[Tensor, ...] = self.network(*inputs)
        return found


def _strip(model: onnx.ModelProto) -> None:
    """Drop what the exporter notes of where the code lies: the same network is to give the same bytes everywhere."""
    graph = model.graph
    for noted in (model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del noted.metadata_props[:]
    model.ClearField("doc_string")
    for node in graph.node:
        node.ClearField("doc_string")


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter tells of its progress and of decompositions; what goes wrong it raises."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
