"""W's hourglass as it serves: batch norms folded, convolutions after nearest ×2 as transposed ones."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deployments.video.ditto.fast.folds import Convolution, conv3d, upsampling3d, widened, with_norm
from deployments.video.ditto.networks.hourglass import ConvNorm, Hourglass


def _folded(blocks: nn.ModuleList) -> list[Convolution]:
    return [with_norm(block.conv, block.norm) for block in blocks if isinstance(block, ConvNorm)]


def _without(convolution: Convolution, first: int, kept: Tensor) -> Convolution:
    """The convolution of inputs whose channels from `first` on are `kept` of those it was made for, in that order."""
    weight, bias = convolution
    return torch.cat([weight[:, :first], weight[:, first:].index_select(1, kept)], dim=1), bias


def _pooled(volume: Tensor) -> Tensor:
    """The mean of each 1×2×2."""
    if volume.dtype == torch.float16 and volume.device.type == "cpu" and not torch.compiler.is_exporting():
        return F.avg_pool3d(volume.float(), (1, 2, 2)).half()  # torch has no such kernel for half precision on a CPU
    return F.avg_pool3d(volume, (1, 2, 2))


class FastHourglass(nn.Module):
    """[n, inputs, d, h, w] to [n, channels, d, h, w].

    `kept`: int64, which of the published input channels come, in which order. The others are always zero. `inputs` and
    `channels`: at least as many as kept and as published; what is more is zero, and comes out as zero.
    """

    def __init__(self, hourglass: Hourglass, kept: Tensor, inputs: int, channels: int) -> None:
        super().__init__()
        encoder, decoder = hourglass.encoder, hourglass.decoder
        down = _folded(encoder.down_blocks)
        first = _without(down[0], 0, kept)
        down[0] = widened(first, inputs, len(first[1]))
        self.down = nn.ModuleList(conv3d(each) for each in down)
        up = _folded(decoder.up_blocks)
        self.up = nn.ModuleList(upsampling3d(each) for each in up)
        raised = len(up[-1][1])
        last = _without(with_norm(decoder.conv, decoder.norm), raised, kept)
        self.last = conv3d(widened(last, raised + inputs, channels))

    def forward(self, volume: Tensor) -> Tensor:
        """See the class."""
        channels_last = self.last.weight.is_contiguous(memory_format=torch.channels_last_3d)
        # Once here, or every convolution that sees it would do it again.
        skips = [volume.contiguous(memory_format=torch.channels_last_3d) if channels_last else volume]
        for down in self.down:
            skips.append(_pooled(torch.relu(down(skips[-1]))))
        volume = skips.pop()
        for up in self.up:
            volume = torch.cat([torch.relu(up(volume)), skips.pop()], dim=1)
        return torch.relu(self.last(volume))
