"""Volumes sampled at positions that are all moved by the same amount, as products of matrices.

W looks at the face as each keypoint's motion alone would move it: 22 trilinear samplings, each a pure translation. So
the weight of cell (z, y, x) for an output is a product of three hat functions, max(0, 1 - |position - cell|), one an
axis, and the sampling is three matrix products instead of a gather. Since a grid from -1 to 1 over n-1 steps is sampled
with n/n (networks.geometry), positions also stretch by n/(n-1): moving and interpolating neighbours would be wrong.
Everything is float32: positions in half precision are off by a twentieth of a cell.
"""

import torch
from torch import Tensor

from deployments.video.ditto.networks.geometry import axis


def hats(moved: Tensor, count: int) -> Tensor:
    """[..., count, count]: row i holds the weights of each of `count` cells in the sample at cell i's position, which
    is moved by `moved` [...], float32 in the units of -1..1. Cells outside weigh nothing."""
    positions = ((axis(count, moved) + moved[..., None] + 1) * count - 1) / 2
    cells = torch.arange(count, dtype=moved.dtype, device=moved.device)
    return (1 - (positions[..., None] - cells).abs()).clamp_min(0)


def translated(volume: Tensor, moved: Tensor) -> Tensor:
    """float32 [n, k, d, c, h, w] of a volume [n, c, d, h, w] as seen by k motions `moved` [n, k, 3], (x, y, z).

    Depth comes before channels in what is returned.
    """
    channels, depth, height, width = volume.shape[1:]
    x, y, z = moved.float().unbind(-1)
    slices = volume.float().transpose(1, 2).flatten(2)
    found = hats(z, depth).flatten(1, 2) @ slices
    found = torch.unflatten(found, 1, (-1, depth)).view(-1, moved.shape[1], depth * channels * height, width)
    found = found @ hats(x, width).transpose(-1, -2)
    found = torch.unflatten(found, 2, (depth * channels, height))
    found = hats(y, height)[:, :, None] @ found
    return torch.unflatten(found, 2, (depth, channels))


def gaussians(points: Tensor, depth: int, side: int, variance: float) -> Tensor:
    """float32 [n, k, depth, side, side]: what geometry.heatmaps gives for points [n, k, 3], as a product of axes."""
    x, y, z = points.float().unbind(-1)
    across, along = axis(side, x), axis(depth, x)
    of_x, of_y, of_z = (
        torch.exp(-0.5 * (cells - at[..., None]) ** 2 / variance)
        for cells, at in ((across, x), (across, y), (along, z))
    )
    return of_z[..., :, None, None] * of_y[..., None, :, None] * of_x[..., None, None, :]
