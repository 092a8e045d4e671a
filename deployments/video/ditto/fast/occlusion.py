"""W's occlusion as it serves: a 7×7 convolution of 2272 channels to one, taken apart.

Tensor cores compute many output channels at a time, and there is one, so that by reckoning (no card has measured it)
nearly all of their work would be thrown away. Here each of the 49 taps is a channel of a 1×1 convolution, over all
channels and slices where they lie, and a second convolution of ones moves the taps to their places and adds them up.
The operations are as many.
"""

import torch
from torch import Tensor, nn

from deployments.video.ditto.fast.folds import Convolution, conv2d


class Occlusion(nn.Module):
    """[n, channels, d, g, g] to [n, 1, g, g] in 0..1: the sigmoid of a convolution of channels·d channels to one.

    `channels`: at least as many as the convolution was made for; it sees nothing of what is more. `taps`: likewise, of
    the 49.
    """

    def __init__(self, convolution: Convolution, depth: int, channels: int, taps: int) -> None:
        super().__init__()
        weight, bias = convolution
        side = weight.shape[-1]
        made_for, count = weight.shape[1] // depth, side * side
        apart = weight.new_zeros(taps, channels, depth, 1, 1)
        apart[:count, :made_for, :, 0, 0] = weight.view(made_for, depth, count).permute(2, 0, 1)
        self.taps = nn.Conv3d(channels, taps, (depth, 1, 1), bias=False, device="meta")
        self.taps.weight = nn.Parameter(apart, requires_grad=False)
        places = torch.eye(count, taps, dtype=weight.dtype, device=weight.device).t().reshape(1, taps, side, side)
        self.sum = conv2d((places, bias))

    def forward(self, volume: Tensor) -> Tensor:
        """See the class."""
        return torch.sigmoid(self.sum(self.taps(volume).squeeze(2)))
