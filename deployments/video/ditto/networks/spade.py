"""The parts of G: convolutions divided by their spectral norm, and residual blocks whose normalisation is steered by
the face's features (SPADE). Attribute names are those of the published checkpoint."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SLOPE = 0.2
"""Of every leaky ReLU in G."""


class SpectralConv2d(nn.Module):
    """A convolution whose weight is weight_orig / sigma, sigma = uᵀ·W·v of the vectors kept from training."""

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, inputs: int, outputs: int, side: int, *, bias: bool = True) -> None:
        super().__init__()
        self.padding = side // 2
        self.weight_orig = nn.Parameter(torch.empty(outputs, inputs, side, side))
        nn.init.kaiming_uniform_(self.weight_orig, a=5**0.5)
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.register_buffer("weight_u", F.normalize(torch.ones(outputs), dim=0))
        self.register_buffer("weight_v", F.normalize(torch.ones(inputs * side * side), dim=0))

    def weight(self) -> Tensor:
        """[outputs, inputs, side, side], as it is used."""
        sigma = torch.dot(self.weight_u, self.weight_orig.flatten(1) @ self.weight_v)
        return self.weight_orig / sigma

    def forward(self, picture: Tensor) -> Tensor:
        """[n, inputs, h, w] to [n, outputs, h, w]."""
        return F.conv2d(picture, self.weight(), self.bias, padding=self.padding)


class Spade(nn.Module):
    """Instance norm, then (1 + gamma)·x + beta with gamma and beta made from the features at the picture's size."""

    def __init__(self, channels: int, features: int, width: int) -> None:
        super().__init__()
        self.mlp_shared = nn.Sequential(nn.Conv2d(features, width, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(width, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, picture: Tensor, features: Tensor) -> Tensor:
        """[n, channels, h, w] of a picture of that shape and features [n, features, g, g], h a multiple of g."""
        factor = picture.shape[-1] // features.shape[-1]
        if factor > 1:
            features = F.interpolate(features, scale_factor=factor)
        steering = self.mlp_shared(features)
        normal = F.instance_norm(picture, eps=1e-5)
        modulated: Tensor = normal * (1 + self.mlp_gamma(steering)) + self.mlp_beta(steering)
        return modulated


class SpadeBlock(nn.Module):
    """Two modulated convolutions and a shortcut, itself modulated where the number of channels changes."""

    def __init__(self, inputs: int, outputs: int, features: int, width: int) -> None:
        super().__init__()
        middle = min(inputs, outputs)
        self.learned_shortcut = inputs != outputs
        self.conv_0 = SpectralConv2d(inputs, middle, 3)
        self.conv_1 = SpectralConv2d(middle, outputs, 3)
        self.norm_0 = Spade(inputs, features, width)
        self.norm_1 = Spade(middle, features, width)
        if self.learned_shortcut:
            self.conv_s = SpectralConv2d(inputs, outputs, 1, bias=False)
            self.norm_s = Spade(inputs, features, width)

    def forward(self, picture: Tensor, features: Tensor) -> Tensor:
        """[n, outputs, h, w] of a picture [n, inputs, h, w] and features [n, features, g, g]."""
        shortcut = self.conv_s(self.norm_s(picture, features)) if self.learned_shortcut else picture
        inner = self.conv_0(F.leaky_relu(self.norm_0(picture, features), SLOPE))
        added: Tensor = shortcut + self.conv_1(F.leaky_relu(self.norm_1(inner, features), SLOPE))
        return added
