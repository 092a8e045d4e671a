"""M: pose and expression of a face as numbers, from one photo: a ConvNeXt-V2 (arXiv 2301.00808) with seven
linear heads (LivePortrait, arXiv 2407.03168)."""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from deployments.video.ditto.sizes import ANGLE_BINS, FULL, POINTS, Sizes

MOTION_PIXELS = 256
"""Side of M's picture."""
_EPSILON = 1e-6


class Heads(NamedTuple):
    """What M says of b faces, raw: angles as logits [b, 66], `t` [b, 3], `exp` and `kp` [b, 63], `scale` [b, 1]."""

    pitch: Tensor
    yaw: Tensor
    roll: Tensor
    t: Tensor
    exp: Tensor
    scale: Tensor
    kp: Tensor


class _ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of [b, c, h, w]."""

    def forward(self, x: Tensor) -> Tensor:
        normed: Tensor = super().forward(x.permute(0, 2, 3, 1))
        return normed.permute(0, 3, 1, 2)


class _ResponseNorm(nn.Module):
    """Global response normalization of [b, h, w, c] (ConvNeXt-V2, eq. 1 to 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, 1, channels))
        self.beta = nn.Parameter(torch.zeros(1, 1, 1, channels))

    def forward(self, x: Tensor) -> Tensor:
        response: Tensor = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)
        relative = response / (response.mean(-1, keepdim=True) + _EPSILON)
        return self.gamma * (x * relative) + self.beta + x


class _Block(nn.Module):
    """Depthwise 7×7, then two linear layers a pixel, added to what came in; [b, c, h, w]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, _EPSILON)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.grn = _ResponseNorm(4 * channels)
        self.pwconv2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        pixels: Tensor = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        wide = functional.gelu(self.pwconv1(pixels))
        narrow: Tensor = self.pwconv2(self.grn(wide))
        return x + narrow.permute(0, 3, 1, 2)


class _Detector(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        widths = sizes.motion_widths
        stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), _ChannelNorm(widths[0], _EPSILON))
        downs = (
            nn.Sequential(_ChannelNorm(width, _EPSILON), nn.Conv2d(width, wider, 2, 2))
            for width, wider in pairwise(widths)
        )
        self.downsample_layers = nn.ModuleList((stem, *downs))
        self.stages = nn.ModuleList(
            nn.Sequential(*(_Block(width) for _ in range(depth)))
            for width, depth in zip(widths, sizes.motion_depths, strict=True)
        )
        self.norm = nn.LayerNorm(widths[-1], _EPSILON)
        self.fc_kp = nn.Linear(widths[-1], 3 * POINTS)
        self.fc_scale = nn.Linear(widths[-1], 1)
        self.fc_pitch = nn.Linear(widths[-1], ANGLE_BINS)
        self.fc_yaw = nn.Linear(widths[-1], ANGLE_BINS)
        self.fc_roll = nn.Linear(widths[-1], ANGLE_BINS)
        self.fc_t = nn.Linear(widths[-1], 3)
        self.fc_exp = nn.Linear(widths[-1], 3 * POINTS)

    def forward(self, picture: Tensor) -> Heads:
        x = picture
        for down, stage in zip(self.downsample_layers, self.stages, strict=True):
            x = stage(down(x))
        face: Tensor = self.norm(x.mean((2, 3)))
        angles = (self.fc_pitch(face), self.fc_yaw(face), self.fc_roll(face))
        return Heads(*angles, self.fc_t(face), self.fc_exp(face), self.fc_scale(face), self.fc_kp(face))


class MotionExtractor(nn.Module):
    """Keys of the state dict are those of `motion_extractor.pth`."""

    def __init__(self, sizes: Sizes = FULL) -> None:
        super().__init__()
        self.detector = _Detector(sizes)

    def forward(self, picture: Tensor) -> Heads:
        """Of a picture [b, 3, 256, 256], RGB in 0..1."""
        heads: Heads = self.detector(picture)
        return heads
