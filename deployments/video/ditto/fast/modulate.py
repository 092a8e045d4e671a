"""G's steered normalisation, (picture - mean)·rstd·gamma + beta, leaky ReLU: in torch, or on a GPU by one kernel."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

EPSILON = 1e-5
"""Added to a variance, as the published instance norm does."""
NO_SLOPE = 1.0
"""A leaky ReLU of this slope is none."""


class Statistics(NamedTuple):
    """`mean` and `rstd`, float32 [n, c, 1, 1]: of each picture's each channel."""

    mean: Tensor
    rstd: Tensor


def statistics(picture: Tensor) -> Statistics:
    """Over height and width of [n, c, h, w], in float32, without a float32 copy of a picture in half precision.

    Nearest upsampling does not change them, so they are taken before it.
    """
    if picture.dtype == torch.float32:
        variance, mean = torch.var_mean(picture, dim=(2, 3), correction=0, keepdim=True)
    else:
        mean = picture.mean(dim=(2, 3), keepdim=True, dtype=torch.float32)
        length = torch.linalg.vector_norm(picture, dim=(2, 3), keepdim=True, dtype=torch.float32)
        variance = (length**2 / (picture.shape[2] * picture.shape[3]) - mean**2).clamp_min(0)
    return Statistics(mean, torch.rsqrt(variance + EPSILON))


def modulate(
    picture: Tensor, of: Statistics, gamma: Tensor, beta: Tensor | None, *, factor: int, slope: float, fused: bool
) -> Tensor:
    """[n, c, factor·h, factor·w] of a picture [n, c, h, w] before its nearest upsampling by `factor`, and of gamma and
    beta at the size after it. Computed in float32, returned in the picture's type.

    `fused`: by the kernel of spade_triton, where the picture is on a GPU.
    """
    if fused and picture.is_cuda:
        from deployments.video.ditto.fast.spade_triton import modulate_fused

        return modulate_fused(picture, of.mean, of.rstd, gamma, beta, factor=factor, slope=slope)
    normal = (picture.float() - of.mean) * of.rstd
    if factor > 1:
        normal = F.interpolate(normal, scale_factor=factor)
    steered = normal * gamma.float()
    if beta is not None:
        steered = steered + beta.float()
    if slope != NO_SLOPE:
        steered = F.leaky_relu(steered, slope)
    return steered.to(picture.dtype)
