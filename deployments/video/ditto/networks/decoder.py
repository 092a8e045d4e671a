"""G, the decoder in its published form: warped features to a picture of the face.

Attribute names are those of the published checkpoint. fast/ holds the form that serves."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deployments.video.ditto.networks.spade import SLOPE, SpadeBlock
from deployments.video.ditto.sizes import Sizes


class Decoder(nn.Module):
    """G: features [n, warped_channels, g, g] to RGB [n, 3, 8g, 8g] in 0..1."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        features, width, shared = sizes.warped_channels, sizes.decoder_width, sizes.spade_width
        self.fc = nn.Conv2d(features, width, 3, padding=1)
        for index in range(sizes.middle_blocks):
            self.add_module(f"G_middle_{index}", SpadeBlock(width, width, features, shared))
        self.up_0 = SpadeBlock(width, width // 2, features, shared)
        self.up_1 = SpadeBlock(width // 2, width // 8, features, shared)
        self.conv_img = nn.Sequential(nn.Conv2d(width // 8, 12, 3, padding=1), nn.PixelShuffle(2))

    def middle(self) -> list[SpadeBlock]:
        """The blocks at the features' own size, in order."""
        found = [self.get_submodule(f"G_middle_{index}") for index in range(self.sizes.middle_blocks)]
        return [block for block in found if isinstance(block, SpadeBlock)]

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        picture = self.fc(features)
        for block in self.middle():
            picture = block(picture, features)
        picture = self.up_0(F.interpolate(picture, scale_factor=2), features)
        picture = self.up_1(F.interpolate(picture, scale_factor=2), features)
        return torch.sigmoid(self.conv_img(F.leaky_relu(picture, SLOPE)))
