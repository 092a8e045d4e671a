"""G as it serves: the published decoder with its weights folded, 741 instead of 892 GFLOP a picture.

What changes: spectral norms are divided out; the convolutions after nearest ×2 and ×4 become transposed
convolutions over the features themselves; the shared convolutions of a block are one, and so are gamma (1 + gamma,
that is) and beta; instance statistics are taken once a block, before the picture is enlarged; and since a shortcut is
conv_s(x·gamma + beta), conv_s and the convolution that makes beta are one of fewer channels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deployments.video.ditto.fast.folds import bias_of, conv2d, repeat_middle, together, upsampling2d
from deployments.video.ditto.fast.modulate import NO_SLOPE, modulate, statistics
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.spade import SLOPE, Spade, SpadeBlock, SpectralConv2d


def _shared(block: SpadeBlock) -> list[nn.Conv2d]:
    """The first convolution of each of the block's norms: 0, 1 and, where there is one, that of the shortcut."""
    norms = [block.norm_0, block.norm_1, *([block.norm_s] if block.learned_shortcut else [])]
    found = [norm.mlp_shared[0] for norm in norms]
    return [layer for layer in found if isinstance(layer, nn.Conv2d)]


def _steering(norm: Spade) -> nn.Conv2d:
    """1 + gamma and beta, as one convolution of 2·channels outputs."""
    gamma, beta = norm.mlp_gamma, norm.mlp_beta
    return conv2d(together((gamma.weight, bias_of(gamma) + 1), (beta.weight, bias_of(beta))))


def _shortcut_steering(norm: Spade, conv_s: SpectralConv2d) -> nn.Conv2d:
    """1 + gamma, and conv_s of beta: channels + outputs outputs."""
    gamma, beta, project = norm.mlp_gamma, norm.mlp_beta, conv_s.weight().flatten(1)
    weight = (project @ beta.weight.flatten(1)).view(len(project), *beta.weight.shape[1:])
    return conv2d(together((gamma.weight, bias_of(gamma) + 1), (weight, project @ bias_of(beta))))


class FastBlock(nn.Module):
    """A residual block: picture [n, inputs, h, w] to [n, outputs, enlarge·h, enlarge·w], features [n, c, g, g].

    `enlarge`: the nearest upsampling before the block, 1 or 2; `factor`: h·enlarge / g: 1, 2 or 4.
    """

    middle_twice: Tensor

    def __init__(self, block: SpadeBlock, side: int, enlarge: int, factor: int, *, fused: bool) -> None:
        super().__init__()
        self.enlarge, self.factor, self.fused = enlarge, factor, fused
        shared = _shared(block)
        one = together(*((layer.weight, bias_of(layer)) for layer in shared))
        self.width = shared[0].out_channels
        self.shared = conv2d(one) if factor == 1 else upsampling2d(one, factor)
        self.register_buffer("middle_twice", repeat_middle(side, block.norm_0.mlp_gamma.weight), persistent=False)
        self.steer_0, self.steer_1 = _steering(block.norm_0), _steering(block.norm_1)
        self.conv_0 = conv2d((block.conv_0.weight(), bias_of(block.conv_0)))
        self.conv_1 = conv2d((block.conv_1.weight(), bias_of(block.conv_1)))
        self.steer_s: nn.Conv2d | None = None
        if block.learned_shortcut:
            self.steer_s = _shortcut_steering(block.norm_s, block.conv_s)
            self.conv_s = conv2d((block.conv_s.weight(), bias_of(block.conv_s)))

    def forward(self, picture: Tensor, features: Tensor) -> Tensor:
        """See the class."""
        shared = torch.split(torch.relu(self.shared(features)), self.width, dim=1)
        first, *steerings = [self._at_size(each) for each in shared]
        stats = statistics(picture)
        gamma, beta = self.steer_0(first).chunk(2, dim=1)
        inner = modulate(picture, stats, gamma, beta, factor=self.enlarge, slope=SLOPE, fused=self.fused)
        inner = self.conv_0(inner)
        gamma, beta = self.steer_1(steerings[0]).chunk(2, dim=1)
        inner = modulate(inner, statistics(inner), gamma, beta, factor=1, slope=SLOPE, fused=self.fused)
        outer: Tensor = self.conv_1(inner)
        if self.steer_s is None:
            return outer + picture
        steered = self.steer_s(steerings[1])
        gamma, beta = steered[:, : picture.shape[1]], steered[:, picture.shape[1] :]
        normal = modulate(picture, stats, gamma, None, factor=self.enlarge, slope=NO_SLOPE, fused=self.fused)
        outer = outer + self.conv_s(normal) + beta
        return outer

    def _at_size(self, steering: Tensor) -> Tensor:
        """After nearest ×4 the middle two of four are equal, and only one of them was computed."""
        if self.factor != 4:
            return steering
        if torch.compiler.is_exporting():
            return steering.index_select(2, self.middle_twice).index_select(3, self.middle_twice)
        # The same copies, in one pass and without leaving channels-last.
        larger: Tensor = F.interpolate(steering, scale_factor=4 / 3, mode="nearest-exact")
        return larger


class FastDecoder(nn.Module):
    """G: features [n, warped_channels, g, g] to RGB [n, 3, 8g, 8g] in 0..1, of the type of its weights.

    `fused_spade`: the Triton kernel where the features are on a GPU. Leave it off to export.
    """

    def __init__(self, decoder: Decoder, *, fused_spade: bool = False) -> None:
        super().__init__()
        side = decoder.sizes.grid
        self.fc = conv2d((decoder.fc.weight, bias_of(decoder.fc)))
        self.blocks = nn.ModuleList(FastBlock(block, side, 1, 1, fused=fused_spade) for block in decoder.middle())
        self.blocks.append(FastBlock(decoder.up_0, side, 2, 2, fused=fused_spade))
        self.blocks.append(FastBlock(decoder.up_1, side, 2, 4, fused=fused_spade))
        last = decoder.conv_img[0]
        assert isinstance(last, nn.Conv2d)
        self.last = conv2d((last.weight, bias_of(last)))

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        picture = self.fc(features)
        for block in self.blocks:
            picture = block(picture, features)
        picture = F.leaky_relu(picture, SLOPE)
        return torch.sigmoid(F.pixel_shuffle(self.last(picture), 2))
