"""Weights rewritten once, when they are loaded, so that a frame takes less work and comes out the same.

A convolution is here a pair: weight [outputs, inputs, ...] and bias [outputs].
"""

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deployments.video.ditto.networks.spade import SpectralConv2d

Convolution = tuple[Tensor, Tensor]
_Layer = TypeVar("_Layer", nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def bias_of(layer: nn.Conv2d | nn.Conv3d | SpectralConv2d) -> Tensor:
    """[outputs]; zeros where the layer has none."""
    if layer.bias is not None:
        return layer.bias
    weight = layer.weight_orig if isinstance(layer, SpectralConv2d) else layer.weight
    return weight.new_zeros(len(weight))


def with_norm(layer: nn.Conv2d | nn.Conv3d, norm: nn.BatchNorm2d | nn.BatchNorm3d) -> Convolution:
    """A convolution and the batch norm after it, as it is used once training is over: an affine map of each channel."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = layer.weight * scale.view(-1, *[1] * (layer.weight.ndim - 1))
    return weight, (bias_of(layer) - norm.running_mean) * scale + norm.bias


def together(*convolutions: Convolution) -> Convolution:
    """One convolution for several of the same input; its channels are theirs, one after the other."""
    return torch.cat([weight for weight, _ in convolutions]), torch.cat([bias for _, bias in convolutions])


def widened(convolution: Convolution, inputs: int, outputs: int) -> Convolution:
    """With so many channels in all: those added see nothing, or say zero."""
    weight, bias = convolution
    more_inputs, more_outputs = inputs - weight.shape[1], outputs - weight.shape[0]
    sides = (0, 0) * (weight.ndim - 2)
    return F.pad(weight, (*sides, 0, more_inputs, 0, more_outputs)), F.pad(bias, (0, more_outputs))


def after_nearest_2(weight: Tensor) -> Tensor:
    """For a 3×3 convolution after nearest ×2 of height and width: the kernel of the transposed convolution of side 4,
    stride 2 and padding 1 that is the same, [inputs, outputs, ..., 4, 4] of [outputs, inputs, ..., 3, 3].

    Of the three cells that an output sees along an axis, two are copies of one. With taps a, b, c an even output is
    a·before + (b+c)·here and an odd one (a+b)·here + c·after: 16 products a cell and pair of channels instead of 36.
    """
    for axis in (-2, -1):
        a, b, c = weight.unbind(axis)
        weight = torch.stack([c, b + c, a + b, a], axis)
    return _transposed(weight)


def after_nearest_4(weight: Tensor) -> Tensor:
    """For a 3×3 convolution after nearest ×4: the kernel [inputs, outputs, 5, 5] of the transposed convolution of
    stride 3 and padding 1 that gives its distinct outputs; of each four along an axis the middle two are equal, and
    `repeat_middle` brings them back. 25 products a cell and pair of channels instead of 144.
    """
    for axis in (-2, -1):
        a, b, c = weight.unbind(axis)
        weight = torch.stack([c, b + c, a + b + c, a + b, a], axis)
    return _transposed(weight)


def _transposed(weight: Tensor) -> Tensor:
    """A transposed convolution has inputs first, and what depth there is runs the other way round."""
    if weight.ndim == 5:
        weight = weight.flip(2)
    return weight.transpose(0, 1).contiguous()


def repeat_middle(side: int, like: Tensor) -> Tensor:
    """int64 [4·side]: for each of 4·side outputs of a nearest ×4, which of the 3·side distinct ones it is."""
    phases = torch.tensor([0, 1, 1, 2], device=like.device)
    return (3 * torch.arange(side, device=like.device)[:, None] + phases).flatten()


def _hold(layer: _Layer, weight: Tensor, bias: Tensor) -> _Layer:
    """The layer with these values, of their type and on their device; nothing trains it any more."""
    layer.weight = nn.Parameter(weight.detach().clone(), requires_grad=False)
    layer.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
    return layer


def conv2d(convolution: Convolution) -> nn.Conv2d:
    """The layer; padded so that the picture keeps its size."""
    weight, bias = convolution
    outputs, inputs, side, _ = weight.shape
    layer = nn.Conv2d(inputs, outputs, side, padding=side // 2, device="meta")
    return _hold(layer, weight, bias)


def conv3d(convolution: Convolution) -> nn.Conv3d:
    """The layer; padded so that the volume keeps its size."""
    weight, bias = convolution
    outputs, inputs, side = weight.shape[:3]
    layer = nn.Conv3d(inputs, outputs, side, padding=side // 2, device="meta")
    return _hold(layer, weight, bias)


def upsampling2d(convolution: Convolution, factor: int) -> nn.ConvTranspose2d:
    """[n, inputs, g, g] to [n, outputs, 2g, 2g] for the factor 2, or to the 3g × 3g distinct outputs for the factor 4,
    of a 3×3 convolution."""
    weight, bias = convolution
    kernel = after_nearest_2(weight) if factor == 2 else after_nearest_4(weight)
    inputs, outputs, side, _ = kernel.shape
    layer = nn.ConvTranspose2d(inputs, outputs, side, stride=side - 2, padding=1, device="meta")
    return _hold(layer, kernel, bias)


def upsampling3d(convolution: Convolution) -> nn.ConvTranspose3d:
    """[n, inputs, d, h, w] to [n, outputs, d, 2h, 2w], of a 3³ convolution after nearest ×(1, 2, 2)."""
    weight, bias = convolution
    kernel = after_nearest_2(weight)
    inputs, outputs = kernel.shape[:2]
    layer = nn.ConvTranspose3d(inputs, outputs, (3, 4, 4), stride=(1, 2, 2), padding=1, device="meta")
    return _hold(layer, kernel, bias)
