"""The last step of W, trilinear samples of the face's features, by what each runtime has.

`rank5` is GridSample of a volume: torch, ONNX Runtime, TensorRT from 11.2 on. `rank4` samples pictures only, for
TensorRT 10: the slices lie side by side on one picture, each with a border of zeros, and are sampled twice, in the
slice before a position and in the one after it. Positions on so large a picture round: about 1e-4 off in float32.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from deployments.video.ditto.networks.geometry import sample

Sampling = Literal["rank5", "rank4"]


def sampled(feature: Tensor, deformation: Tensor, how: Sampling) -> Tensor:
    """float32 [n, c, d, h, w]: networks.geometry.sample of a feature [n, c, d, h, w] and a deformation float32
    [n, d, h, w, 3]. Always in float32: half precision would move samples by a twentieth of a cell."""
    if how == "rank5":
        return sample(feature.float(), deformation)
    return _by_slices(feature.float(), deformation)


def _columns(slices: int) -> int:
    """How many slices lie beside each other: as many as make a picture of about equal sides."""
    return max(count for count in range(1, int(slices**0.5) + 1) if slices % count == 0)


def _by_slices(feature: Tensor, deformation: Tensor) -> Tensor:
    channels, depth, height, width = feature.shape[1:]
    columns = _columns(depth + 2)
    rows, tall, wide = (depth + 2) // columns, height + 2, width + 2
    padded = F.pad(feature, (1, 1, 1, 1, 1, 1)).view(-1, channels, rows, columns, tall, wide)
    picture = padded.transpose(3, 4).reshape(-1, channels, rows * tall, columns * wide)
    x, y, z = deformation.flatten(1, 2).unbind(-1)
    # Positions in cells of the padded slices. Beyond the border there is nothing but zeros, so they stop there.
    x = (((x + 1) * width + 1) / 2).clamp(0, width + 1)
    y = (((y + 1) * height + 1) / 2).clamp(0, height + 1)
    z = (((z + 1) * depth + 1) / 2).clamp(0, depth + 1)
    before = torch.floor(z).clamp_max(depth)
    after = z - before
    near = _one_slice(picture, x, y, before, (rows, columns))
    far = _one_slice(picture, x, y, before + 1, (rows, columns))
    mixed = torch.lerp(near, far, after[:, None])
    return torch.unflatten(mixed, 2, (depth, height))


def _one_slice(picture: Tensor, x: Tensor, y: Tensor, number: Tensor, tiles: tuple[int, int]) -> Tensor:
    """[n, c, d·h, w] at x, y [n, d·h, w] of the slice `number` of that place."""
    rows, columns = tiles
    high, wide = picture.shape[2], picture.shape[3]
    row = torch.floor((number + 0.5) / columns)
    column = number - columns * row
    down = 2 * (row * (high // rows) + y) / (high - 1) - 1
    across = 2 * (column * (wide // columns) + x) / (wide - 1) - 1
    grid = torch.stack([across, down], dim=-1)
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
