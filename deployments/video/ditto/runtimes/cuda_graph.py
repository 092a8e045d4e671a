"""Record a network's launches once a shape and replay them. Anything but a CUDA tensor passes through."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Network = Callable[..., Tensor | Sequence[Tensor]]
"""Tensors to a tensor or several, without a look at their values on the host: no shape may depend on them."""

WARM_UPS = 3
"""Runs before a capture: lazy libraries, autotuning and Triton's compilation must be over (torch.cuda.graphs)."""


class Graphed:
    """A network of which each combination of input shapes and types is recorded at its first use.

    Results of a replay lie in memory that all shapes share, and are overwritten by the next one: they are copied out.
    One thread at a time.
    """

    def __init__(self, network: Network, enabled: bool = True, most: int = 16) -> None:
        """`most`: shapes recorded at most, each with its own buffers; further ones run without a graph."""
        self._network = network
        self._enabled = enabled
        self._most = most
        self._recorded: dict[tuple[object, ...], _Recording] = {}
        self._pool: Any = None

    @property
    def shapes(self) -> int:
        """How many are recorded."""
        return len(self._recorded)

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """What the network makes of these, always as a tuple."""
        if not self._enabled or not inputs or not all(tensor.is_cuda for tensor in inputs):
            return _as_tuple(self._network(*inputs))
        # streams are those of the current card, which need not be the inputs'
        with torch.cuda.device(inputs[0].device):
            return self._replayed(inputs)

    def _replayed(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        key = tuple((tuple(tensor.shape), tensor.dtype, tensor.device) for tensor in inputs)
        recording = self._recorded.get(key)
        if recording is None:
            if len(self._recorded) >= self._most:
                return _as_tuple(self._network(*inputs))
            recording = _Recording(self._network, inputs, self._pool)
            self._pool = recording.pool
            self._recorded[key] = recording
        return tuple(tensor.clone() for tensor in recording.replay(inputs))


class _Recording:
    """One shape: its input buffers, its graph, its outputs."""

    def __init__(self, network: Network, inputs: Sequence[Tensor], pool: Any) -> None:
        # clone keeps strides, so that channels-last inputs stay so
        self._inputs = tuple(tensor.clone() for tensor in inputs)
        side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UPS):
                network(*self._inputs)
        torch.cuda.current_stream().wait_stream(side)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool):
            self._outputs = _as_tuple(network(*self._inputs))
        self.pool = self._graph.pool()

    def replay(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        for buffer, tensor in zip(self._inputs, inputs, strict=True):
            buffer.copy_(tensor)
        self._graph.replay()
        return self._outputs


def _as_tuple(made: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    return (made,) if isinstance(made, Tensor) else tuple(made)
