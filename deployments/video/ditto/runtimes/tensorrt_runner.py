"""A graph in TensorRT, on torch's current stream. Only what needs the card is here: engines come checked from the
store, and shapes checked from the parts that use this."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from deployments.errors import EngineFailed, EngineUnusable
from deployments.gpu.nvml import Cards
from deployments.video.ditto.runtimes.graphs import Graph
from deployments.video.ditto.runtimes.plan_header import REBUILD, Library
from deployments.video.ditto.runtimes.tensorrt_library import Log, load, require_driver


class TensorRtRunner:
    """Implements graphs.Runner. Its launches can be recorded by `Graphed`: what is recorded refers to the inside of its
    execution context, which other shapes would change, so each size of batch has a context of its own. One thread at a
    time."""

    def __init__(self, open_context: Callable[[], Any], graph: Graph, own: torch.dtype, device: torch.device) -> None:
        """`open_context`: a fresh execution context of the graph's engine. `own`: the graph's precision."""
        self._open_context = open_context
        self._contexts: dict[int, Any] = {}
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
        context = self._context(len(held[0]))
        for tensor, port in zip(held, self._graph.inputs, strict=True):
            context.set_input_shape(port.name, tuple(tensor.shape))
            context.set_tensor_address(port.name, tensor.data_ptr())
        for tensor, port in zip(made, self._graph.outputs, strict=True):
            context.set_tensor_address(port.name, tensor.data_ptr())
        if not context.execute_async_v3(torch.cuda.current_stream(self._device).cuda_stream):
            raise EngineFailed(f"TensorRT could not start the graph {self._graph.name}. Its log says why.")
        return made

    def _context(self, batch: int) -> Any:
        if batch not in self._contexts:
            self._contexts[batch] = self._open_context()
        return self._contexts[batch]


class TensorRt:
    """The runtime that all engines of a process share. Its engines live as long as it does."""

    def __init__(self, library: Library, cards: Cards, device: torch.device) -> None:
        """Raises NoGpu or DriverTooOld before anything of TensorRT is made, EngineUnusable where it is absent."""
        require_driver(cards)
        module = load(library)
        self._by_us = module.ExecutionContextAllocationStrategy.USER_MANAGED
        self._log = Log(module)
        self._runtime = module.Runtime(self._log.listener)
        self._device = device
        self._engines: list[Any] = []

    def runner(self, plan: bytes, graph: Graph, own: torch.dtype) -> TensorRtRunner:
        """Raises EngineUnusable where the card cannot hold or read the engine."""
        with torch.cuda.device(self._device):
            engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise EngineUnusable(self._refused(graph))
        # one working memory for all contexts, which take turns on one stream; from torch, so that its limit holds
        try:
            scratch = torch.empty(max(1, engine.device_memory_size_v2), dtype=torch.uint8, device=self._device)
        except torch.OutOfMemoryError as error:
            raise EngineUnusable(self._refused(graph)) from error

        def open_context() -> Any:
            with torch.cuda.device(self._device):
                context = engine.create_execution_context(self._by_us)
            if context is None:
                raise EngineUnusable(self._refused(graph))
            context.set_device_memory(scratch.data_ptr(), len(scratch))
            return context

        self._engines.append(engine)
        return TensorRtRunner(open_context, graph, own, self._device)

    def _refused(self, graph: Graph) -> str:
        return (
            f"TensorRT cannot load the engine of {graph.name}: {self._log.last()}. {REBUILD} If the card's memory "
            "is too small, lower runtime.max_batch_frames and build again, or serve fewer replicas on it."
        )
