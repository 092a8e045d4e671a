"""A graph in ONNX Runtime, given tensors where they lie: nothing is copied to the host and back."""

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from deployments.video.ditto.runtimes.graphs import Graph, Port

_NUMPY = {torch.float32: np.float32, torch.float16: np.float16, torch.int64: np.int64}


class OnnxRunner:
    """Implements graphs.Runner. On a GPU it waits for what torch has begun, and returns when it is done."""

    def __init__(
        self, session: onnxruntime.InferenceSession, graph: Graph, own: torch.dtype, device: torch.device
    ) -> None:
        """`own`: the graph's precision. `device`: where the session runs."""
        self._session = session
        self._graph = graph
        self._own = own
        self._device = device

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Tensors of other types or devices than the graph's are converted first."""
        binding = self._session.io_binding()
        held = [self._placed(tensor, port) for tensor, port in zip(inputs, self._graph.inputs, strict=True)]
        batch = len(held[0])
        made = tuple(
            torch.empty((batch, *port.shape), dtype=port.type(self._own), device=self._device)
            for port in self._graph.outputs
        )
        for tensor, port in zip(held, self._graph.inputs, strict=True):
            binding.bind_input(port.name, *self._where(tensor))
        for tensor, port in zip(made, self._graph.outputs, strict=True):
            binding.bind_output(port.name, *self._where(tensor))
        if self._device.type == "cuda":
            torch.cuda.current_stream(self._device).synchronize()
        self._session.run_with_iobinding(binding)
        return made

    def _placed(self, tensor: Tensor, port: Port) -> Tensor:
        return tensor.to(self._device, port.type(self._own)).contiguous()

    def _where(self, tensor: Tensor) -> tuple[str, int, type, list[int], int]:
        """As io_binding wants it: device, its index, type, shape, address."""
        index = self._device.index or 0
        return self._device.type, index, _NUMPY[tensor.dtype], list(tensor.shape), tensor.data_ptr()
