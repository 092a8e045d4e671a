"""Coordinates of W's volumes: x right, y down, z in, each in -1..1.

Their grids run from -1 to 1 over n-1 steps while sampling takes -1 and 1 for the outer edges of the outer cells
(align_corners=False). The published network was trained with this mismatch, so it is kept.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

KEYPOINT_VARIANCE = 0.01
"""Of the Gaussian around a keypoint."""


def axis(count: int, like: Tensor) -> Tensor:
    """[count] positions 2·i/(count-1) - 1, of the type and on the device of `like`."""
    return 2 * (torch.arange(count, dtype=like.dtype, device=like.device) / (count - 1)) - 1


def identity_grid(depth: int, side: int, like: Tensor) -> Tensor:
    """[depth, side, side, 3] of (x, y, z): where each cell of a volume is."""
    along_depth, across = axis(depth, like), axis(side, like)
    z, y, x = torch.meshgrid(along_depth, across, across, indexing="ij")
    return torch.stack([x, y, z], dim=-1)


def heatmaps(grid: Tensor, points: Tensor) -> Tensor:
    """[n, k, depth, side, side]: exp(-|grid - point|² / 2·variance) of points [n, k, 3]."""
    away = grid - points[:, :, None, None, None, :]
    return torch.exp(-0.5 * (away**2).sum(-1) / KEYPOINT_VARIANCE)


def sample(volume: Tensor, grid: Tensor) -> Tensor:
    """Trilinear samples of a volume [n, c, d, h, w] at (x, y, z) positions [n, d', h', w', 3]; zeros outside."""
    return F.grid_sample(volume, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
