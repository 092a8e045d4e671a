"""F: the appearance of a face as a volume of features, from one photo (LivePortrait, arXiv 2407.03168)."""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from deployments.video.ditto.sizes import FULL, Sizes

RESIDUALS = 6


class _Convolved(nn.Module):
    """3×3 convolution, batch norm, ReLU; [b, from, h, w] → [b, to, h, w]."""

    def __init__(self, channels_from: int, channels_to: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_from, channels_to, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels_to)

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = self.norm(self.conv(x))
        return normed.relu()


class _Residual(nn.Module):
    """Two 3×3×3 convolutions, each after batch norm and ReLU, added to what came in; [b, c, d, h, w]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm3d(channels)
        self.norm2 = nn.BatchNorm3d(channels)

    def forward(self, x: Tensor) -> Tensor:
        once: Tensor = self.conv1(self.norm1(x).relu())
        twice: Tensor = self.conv2(self.norm2(once).relu())
        return twice + x


class Appearance(nn.Module):
    """Keys of the state dict are those of `appearance_extractor.pth`."""

    def __init__(self, sizes: Sizes = FULL) -> None:
        super().__init__()
        width = sizes.appearance_width
        self.grid = sizes.grid
        self.volume = (sizes.volume_channels, sizes.depth)
        self.first = _Convolved(3, width)
        self.down_blocks = nn.ModuleList((_Convolved(width, 2 * width), _Convolved(2 * width, 4 * width)))
        self.second = nn.Conv2d(4 * width, sizes.volume_channels * sizes.depth, 1)
        self.resblocks_3d = nn.Sequential(
            OrderedDict((f"3dr{i}", _Residual(sizes.volume_channels)) for i in range(RESIDUALS))
        )

    def forward(self, picture: Tensor) -> Tensor:
        """[b, volume_channels, depth, grid, grid] of a picture [b, 3, 4·grid, 4·grid], RGB in 0..1."""
        x: Tensor = self.first(picture)
        for down in self.down_blocks:
            x = functional.avg_pool2d(down(x), 2)
        volume = torch.unflatten(self.second(x), 1, self.volume)
        found: Tensor = self.resblocks_3d(volume)
        return found
