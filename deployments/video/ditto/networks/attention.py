"""Attention of the motion diffusion: positions are turned into the vectors before the projections."""

import torch
from torch import Tensor, nn
from torch.nn import functional

Turn = tuple[Tensor, Tensor]
"""Cosine and sine, each [length, width], that `turned` turns vectors by."""
Heard = Tensor
"""Keys and values of a memory: [2, b, heads, length, width of a head]."""


class Rotary(nn.Module):
    """Rotary positions (arXiv 2104.09864) over the whole width of a vector, not over that of a head."""

    freqs: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        exponents = torch.arange(0, width, 2, dtype=torch.float64) / width
        self.register_buffer("freqs", (1 / 10000**exponents).float())

    def turn(self, length: int) -> Turn:
        """For positions 0 up to `length`, in the precision of the frequencies."""
        positions = torch.arange(length, dtype=self.freqs.dtype, device=self.freqs.device)
        angles = (positions[:, None] * self.freqs).repeat_interleave(2, 1)
        return angles.cos(), angles.sin()


def turned(x: Tensor, turn: Turn) -> Tensor:
    """[b, length, width] with each pair of neighbouring numbers turned by its position's angle. In the precision of x:
    only the angles themselves need more."""
    cosine, sine = turn[0].to(x.dtype), turn[1].to(x.dtype)
    across = torch.stack((-x[..., 1::2], x[..., 0::2]), -1).flatten(-2)
    return x * cosine + across * sine


class Attention(nn.Module):
    """Multi-head attention with the parameters of `torch.nn.MultiheadAttention`, its keys and values apart from its
    queries so that they can be made once and kept. Positions: queries and keys are turned, values are not."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def hear(self, memory: Tensor, turn: Turn) -> Heard:
        """Keys and values [2, b, heads, length, width / heads] of a memory [b, length, width]."""
        return torch.stack((self._projected(turned(memory, turn), 1), self._projected(memory, 2)))

    def forward(self, x: Tensor, heard: Heard, turn: Turn) -> Tensor:
        """[b, length, width] of what asks, x of the same shape, and of what it hears."""
        asked = self._projected(turned(x, turn), 0)
        answered = functional.scaled_dot_product_attention(asked, heard[0], heard[1])
        joined: Tensor = self.out_proj(answered.transpose(1, 2).flatten(2))
        return joined

    def _projected(self, x: Tensor, part: int) -> Tensor:
        """Part 0, 1 or 2 (query, key, value): [b, heads, length, width / heads] of [b, length, width]."""
        width = x.shape[-1]
        rows = slice(part * width, (part + 1) * width)
        projected = functional.linear(x, self.in_proj_weight[rows], self.in_proj_bias[rows])
        return torch.unflatten(projected, 2, (self.heads, width // self.heads)).transpose(1, 2)
