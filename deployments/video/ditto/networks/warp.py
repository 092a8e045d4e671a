"""W, the warp network in its published form: a face's features moved to where its keypoints went.

Attribute names are those of the published checkpoint. fast/ holds the form that serves."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from deployments.video.ditto.networks.geometry import heatmaps, identity_grid, sample
from deployments.video.ditto.networks.hourglass import Hourglass
from deployments.video.ditto.sizes import POINTS, Sizes

MOTIONS = POINTS + 1
"""One a keypoint, and standing still."""


class Dense(NamedTuple):
    """Where each cell is taken from, what is to be seen of it, and how much of each motion is in that.

    `deformation` [n, d, g, g, 3], `occlusion` [n, 1, g, g], `mask` [n, 22, d, g, g].
    """

    deformation: Tensor
    occlusion: Tensor
    mask: Tensor


class DenseMotion(nn.Module):
    """Which of 22 motions each cell of the volume follows, and what of the result is to be seen."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.compress = nn.Conv3d(sizes.volume_channels, sizes.compressed_channels, 1)
        self.norm = nn.BatchNorm3d(sizes.compressed_channels)
        self.hourglass = Hourglass(MOTIONS * (1 + sizes.compressed_channels), sizes)
        self.mask = nn.Conv3d(self.hourglass.channels, MOTIONS, 7, padding=3)
        self.occlusion = nn.Conv2d(self.hourglass.channels * sizes.depth, 1, 7, padding=3)

    def forward(self, feature: Tensor, kp_source: Tensor, kp_driving: Tensor) -> Dense:
        """Of feature [n, c, d, g, g] and keypoints [n, 21, 3]."""
        depth, side = self.sizes.depth, self.sizes.grid
        compressed = torch.relu(self.norm(self.compress(feature)))
        grid = identity_grid(depth, side, feature)
        moved = grid - kp_driving[:, :, None, None, None, :] + kp_source[:, :, None, None, None, :]
        motions = torch.cat([grid.expand(len(feature), 1, -1, -1, -1, -1), moved], dim=1)
        deformed = sample(compressed.repeat_interleave(MOTIONS, dim=0), motions.flatten(0, 1))
        heat = heatmaps(grid, kp_driving) - heatmaps(grid, kp_source)
        heat = torch.cat([torch.zeros_like(heat[:, :1]), heat], dim=1)
        groups = torch.cat([heat[:, :, None], torch.unflatten(deformed, 0, (-1, MOTIONS))], dim=2)
        prediction = self.hourglass(groups.flatten(1, 2))
        mask = torch.softmax(self.mask(prediction), dim=1)
        deformation = (mask[..., None] * motions).sum(1)
        return Dense(deformation, torch.sigmoid(self.occlusion(prediction.flatten(1, 2))), mask)


class Third(nn.Module):
    """3×3 convolution, batch norm, leaky ReLU of 0.01."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, picture: Tensor) -> Tensor:
        """[n, inputs, g, g] to [n, outputs, g, g]."""
        return nn.functional.leaky_relu(self.norm(self.conv(picture)), 0.01)


class Warped(NamedTuple):
    """`out` [n, warped_channels, g, g], what the decoder sees, and what it was warped by."""

    out: Tensor
    dense: Dense


class Warp(nn.Module):
    """W: feature [n, c, d, g, g], kp_source and kp_driving [n, 21, 3], all float32."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.dense_motion_network = DenseMotion(sizes)
        self.third = Third(sizes.volume_channels * sizes.depth, sizes.warped_channels)
        self.fourth = nn.Conv2d(sizes.warped_channels, sizes.warped_channels, 1)

    def forward(self, feature: Tensor, kp_source: Tensor, kp_driving: Tensor) -> Warped:
        """See the class."""
        dense: Dense = self.dense_motion_network(feature, kp_source, kp_driving)
        moved = sample(feature, dense.deformation).flatten(1, 2)
        out: Tensor = self.fourth(self.third(moved)) * dense.occlusion
        return Warped(out, dense)
