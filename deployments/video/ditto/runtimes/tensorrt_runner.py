"""A graph in TensorRT, on torch's current stream. Only what needs the card is here: engines come checked from the
store, and shapes checked from the parts that use this."""

from typing import Any

import torch
from torch import Tensor

from deployments.errors import EngineFailed, EngineUnusable
from deployments.gpu.nvml import Cards
from deployments.video.ditto.runtimes.graphs import Graph
from deployments.video.ditto.runtimes.plan_header import REBUILD, Library
from deployments.video.ditto.runtimes.tensorrt_library import Log, load, require_driver


class TensorRtRunner:
    """Implements graphs.Runner. Its launches can be recorded by `Graphed`. One thread at a time."""

    def __init__(self, context: Any, graph: Graph, own: torch.dtype, device: torch.device) -> None:
        """`context`: an execution context of the graph's engine. `own`: the graph's precision."""
        self._context = context
        self._graph = graph
        self._own = own
        self._device = device

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        held = [
            tensor.to(self._device, port.type(self._own)).contiguous()
            for tensor, port in zip(inputs, self._graph.inputs, strict=True)
        ]
        made = tuple(
            torch.empty((len(held[0]), *port.shape), dtype=port.type(self._own), device=self._device)
            for port in self._graph.outputs
        )
        for tensor, port in zip(held, self._graph.inputs, strict=True):
            self._context.set_input_shape(port.name, tuple(tensor.shape))
            self._context.set_tensor_address(port.name, tensor.data_ptr())
        for tensor, port in zip(made, self._graph.outputs, strict=True):
            self._context.set_tensor_address(port.name, tensor.data_ptr())
        if not self._context.execute_async_v3(torch.cuda.current_stream(self._device).cuda_stream):
            raise EngineFailed(f"TensorRT could not start the graph {self._graph.name}. Its log says why.")
        return made


class TensorRt:
    """The runtime that all engines of a process share. Its engines live as long as it does."""

    def __init__(self, library: Library, cards: Cards, device: torch.device) -> None:
        """Raises NoGpu or DriverTooOld before anything of TensorRT is made, EngineUnusable where it is absent."""
        require_driver(cards)
        module = load(library)
        self._log = Log(module)
        self._runtime = module.Runtime(self._log.listener)
        self._device = device
        self._engines: list[Any] = []

    def runner(self, plan: bytes, graph: Graph, own: torch.dtype) -> TensorRtRunner:
        """Raises EngineUnusable where the card cannot hold or read the engine."""
        with torch.cuda.device(self._device):
            engine = self._runtime.deserialize_cuda_engine(plan)
            context = None if engine is None else engine.create_execution_context()
        if context is None:
            raise EngineUnusable(
                f"TensorRT cannot load the engine of {graph.name}: {self._log.last()}. {REBUILD} If the card's memory "
                "is too small, lower runtime.max_batch_frames and build again, or serve fewer replicas on it."
            )
        self._engines.append(engine)
        return TensorRtRunner(context, graph, own, self._device)
