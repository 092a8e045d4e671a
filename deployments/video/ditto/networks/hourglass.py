"""The hourglass of W's motion network: 3-D convolutions that halve height and width, never depth, and come back.

Attribute names are those of the published checkpoint."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from deployments.video.ditto.sizes import Sizes


class ConvNorm(nn.Module):
    """3³ convolution, batch norm, ReLU: [n, inputs, d, h, w] to [n, outputs, d, h, w]."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm3d(outputs)

    def forward(self, volume: Tensor) -> Tensor:
        """See the class."""
        return torch.relu(self.norm(self.conv(volume)))


class DownBlock(ConvNorm):
    """ConvNorm, then the mean of each 1×2×2."""

    def forward(self, volume: Tensor) -> Tensor:
        """[n, inputs, d, h, w] to [n, outputs, d, h/2, w/2]."""
        return nn.functional.avg_pool3d(super().forward(volume), (1, 2, 2))


class UpBlock(ConvNorm):
    """Nearest ×(1, 2, 2), then ConvNorm."""

    def forward(self, volume: Tensor) -> Tensor:
        """[n, inputs, d, h, w] to [n, outputs, d, 2h, 2w]."""
        return super().forward(nn.functional.interpolate(volume, scale_factor=(1, 2, 2)))


def block_widths(sizes: Sizes) -> list[int]:
    """Channels after 0, 1, ... down blocks; the first is what the last up block makes."""
    return [min(sizes.hourglass_most, sizes.hourglass_width * 2**level) for level in range(sizes.hourglass_blocks + 1)]


class Encoder(nn.Module):
    """Down blocks; what each saw is kept for the way back."""

    def __init__(self, inputs: int, sizes: Sizes) -> None:
        super().__init__()
        widths = [inputs, *block_widths(sizes)[1:]]
        self.down_blocks = nn.ModuleList(DownBlock(before, after) for before, after in pairwise(widths))

    def forward(self, volume: Tensor) -> list[Tensor]:
        """The input [n, inputs, d, h, w] and each block's output."""
        found = [volume]
        for block in self.down_blocks:
            found.append(block(found[-1]))
        return found


class Decoder(nn.Module):
    """Up blocks, each followed by the encoder's volume of that size, then one more convolution."""

    def __init__(self, inputs: int, sizes: Sizes) -> None:
        super().__init__()
        widths = block_widths(sizes)
        deepest = len(widths) - 1
        self.up_blocks = nn.ModuleList(
            UpBlock(widths[level] * (1 if level == deepest else 2), widths[level - 1])
            for level in range(deepest, 0, -1)
        )
        self.channels = widths[0] + inputs
        self.conv = nn.Conv3d(self.channels, self.channels, 3, padding=1)
        self.norm = nn.BatchNorm3d(self.channels)

    def forward(self, skips: list[Tensor]) -> Tensor:
        """[n, channels, d, h, w] of what the encoder gave."""
        volume = skips[-1]
        for block, skip in zip(self.up_blocks, reversed(skips[:-1]), strict=True):
            volume = torch.cat([block(volume), skip], dim=1)
        return torch.relu(self.norm(self.conv(volume)))


class Hourglass(nn.Module):
    """Encoder and decoder: [n, inputs, d, h, w] to [n, channels, d, h, w], channels = hourglass_width + inputs."""

    def __init__(self, inputs: int, sizes: Sizes) -> None:
        super().__init__()
        self.encoder = Encoder(inputs, sizes)
        self.decoder = Decoder(inputs, sizes)

    @property
    def channels(self) -> int:
        """How many come out."""
        return self.decoder.channels

    def forward(self, volume: Tensor) -> Tensor:
        """See the class."""
        prediction: Tensor = self.decoder(self.encoder(volume))
        return prediction
