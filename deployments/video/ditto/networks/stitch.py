"""S: moves driving keypoints so that the face joins its neck (LivePortrait, arXiv 2407.03168)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from deployments.video.ditto.sizes import FULL, POINTS, Sizes

_COORDINATES = 3 * POINTS


class Stitch(nn.Module):
    """Keys of the state dict are those of the part `retarget_shoulder` of `stitch_network.pth`, without `module.`."""

    def __init__(self, sizes: Sizes = FULL) -> None:
        super().__init__()
        widths = (2 * _COORDINATES, *sizes.stitch_widths, _COORDINATES + 2)
        layers: list[nn.Module] = []
        for width_from, width_to in pairwise(widths):
            layers += [nn.Linear(width_from, width_to), nn.ReLU()]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, source: Tensor, driving: Tensor) -> Tensor:
        """Driving points [n, 21, 3] of source and driving points [n, 21, 3]: each is moved by its own step, and all of
        them by one more in x and y."""
        moves: Tensor = self.mlp(torch.cat((source.flatten(1), driving.flatten(1)), 1))
        own = torch.unflatten(moves[:, :_COORDINATES], 1, (POINTS, 3))
        common = nn.functional.pad(moves[:, None, _COORDINATES:], (0, 1))
        return driving + own + common
