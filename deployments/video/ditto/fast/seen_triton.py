"""What W's hourglass sees, as one kernel that writes it once.

As products of matrices (fast.translate) it goes through memory about ten times, by estimate 300 MB a frame, which is a
millisecond of a card of 300 GB/s. Each motion is a translation, so neighbouring cells take neighbouring samples and the
gathers here are coalesced. TRITON_INTERPRET=1 runs it on a CPU.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

CELLS = 256
"""Of one motion, a program's share."""


@triton.jit  # type: ignore[untyped-decorator]
def _position(cell: tl.tensor, count: tl.constexpr, moved: tl.tensor) -> tl.tensor:
    """In cells: where an output cell takes its sample from (networks.geometry has why)."""
    return ((2 * (cell.to(tl.float32) / (count - 1)) - 1 + moved + 1) * count - 1) / 2


@triton.jit  # type: ignore[untyped-decorator]
def _away(cell: tl.tensor, count: tl.constexpr, point: tl.tensor) -> tl.tensor:
    """Square of the distance along one axis, in the units of -1..1."""
    distance = 2 * (cell.to(tl.float32) / (count - 1)) - 1 - point
    return distance * distance


@triton.jit  # type: ignore[untyped-decorator]
def _see(
    volume: tl.tensor,
    heat: tl.tensor,
    moved: tl.tensor,
    driving: tl.tensor,
    out: tl.tensor,
    volume_n: tl.tensor,
    volume_c: tl.tensor,
    volume_z: tl.tensor,
    volume_y: tl.tensor,
    volume_x: tl.tensor,
    heat_n: tl.tensor,
    heat_k: tl.tensor,
    heat_z: tl.tensor,
    heat_y: tl.tensor,
    heat_x: tl.tensor,
    variance: tl.tensor,
    motions: tl.constexpr,
    channels: tl.constexpr,
    depth: tl.constexpr,
    height: tl.constexpr,
    width: tl.constexpr,
    spare: tl.constexpr,
    cells_each: tl.constexpr,
) -> None:
    """Some cells of one motion: its moved channels, and its heatmap or, of standing still, the spare channels."""
    cells: tl.constexpr = depth * height * width
    motion = tl.program_id(1)
    number = tl.program_id(2).to(tl.int64)
    cell = tl.program_id(0) * cells_each + tl.arange(0, cells_each)
    inside = cell < cells
    x, y, z = cell % width, cell // width % height, cell // (width * height)
    here = out + number * (motions * (channels + 1) - 1 + spare) * cells + cell
    of_motion = moved + (number * motions + motion) * 3
    at_x = _position(x, width, tl.load(of_motion))
    at_y = _position(y, height, tl.load(of_motion + 1))
    at_z = _position(z, depth, tl.load(of_motion + 2))
    low_x, low_y, low_z = tl.floor(at_x), tl.floor(at_y), tl.floor(at_z)
    for channel in tl.static_range(channels):
        total = tl.zeros((cells_each,), tl.float32)
        for corner in tl.static_range(8):
            next_x, next_y, next_z = low_x + corner % 2, low_y + corner // 2 % 2, low_z + corner // 4
            weight = (1 - tl.abs(at_x - next_x)) * (1 - tl.abs(at_y - next_y)) * (1 - tl.abs(at_z - next_z))
            known = inside & (next_x >= 0) & (next_x < width) & (next_y >= 0) & (next_y < height)
            known = known & (next_z >= 0) & (next_z < depth)
            at = volume + number * volume_n + channel * volume_c + next_x.to(tl.int32) * volume_x
            at += next_y.to(tl.int32) * volume_y + next_z.to(tl.int32) * volume_z
            total += weight * tl.load(at, mask=known, other=0.0).to(tl.float32)
        tl.store(here + (motion * channels + channel) * cells, total.to(out.dtype.element_ty), mask=inside)
    if motion > 0:
        point = driving + (number * (motions - 1) + motion - 1) * 3
        away = _away(x, width, tl.load(point)) + _away(y, height, tl.load(point + 1))
        away += _away(z, depth, tl.load(point + 2))
        at = heat + number * heat_n + (motion - 1) * heat_k + x * heat_x + y * heat_y + z * heat_z
        warmth = tl.exp(-0.5 * away / variance) - tl.load(at, mask=inside, other=0.0).to(tl.float32)
        tl.store(here + (motions * channels + motion - 1) * cells, warmth.to(out.dtype.element_ty), mask=inside)
    else:
        nothing = tl.zeros((cells_each,), out.dtype.element_ty)
        for extra in tl.static_range(spare):
            tl.store(here + (motions * (channels + 1) - 1 + extra) * cells, nothing, mask=inside)


def see_fused(compressed: Tensor, heat: Tensor, moved: Tensor, driving: Tensor, variance: float, spare: int) -> Tensor:
    """What `seen.see` gives, contiguous. `compressed` [n, c, d, h, w] and `heat` [n, k-1, d, h, w] of one type; `moved`
    [n, k, 3] and `driving` [n, k-1, 3] float32."""
    number, channels, depth, height, width = compressed.shape
    motions = moved.shape[1]
    shape = (number, motions * (channels + 1) - 1 + spare, depth, height, width)
    out = torch.empty(shape, dtype=compressed.dtype, device=compressed.device)
    _see[(triton.cdiv(depth * height * width, CELLS), motions, number)](
        compressed,
        heat,
        moved.contiguous(),
        driving.contiguous(),
        out,
        *compressed.stride(),
        *heat.stride(),
        variance,
        motions=motions,
        channels=channels,
        depth=depth,
        height=height,
        width=width,
        spare=spare,
        cells_each=CELLS,
    )
    return out
