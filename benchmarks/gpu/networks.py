"""Ditto's networks with random weights, which cost what trained ones cost, and something to feed them with."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from deployments.contracts import Float32
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.diffusion import MotionDiffusion
from deployments.video.ditto.networks.spade import SpectralConv2d
from deployments.video.ditto.networks.warp import Warp
from deployments.video.ditto.sizes import POINTS, Sizes

SEED = 20261121
POWER_ITERATIONS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Networks:
    """W, G and the motion model in their published form, float32 on the CPU."""

    warp: Warp
    decoder: Decoder
    diffusion: MotionDiffusion


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """One face and its driven points. `feature` [1, c, d, g, g]; `source` [1, 21, 3]; `driving` [n, 21, 3]."""

    feature: Tensor
    source: Float32
    driving: Float32


def random_networks(sizes: Sizes) -> Networks:
    """The same on every machine."""
    torch.manual_seed(SEED)
    networks = Networks(Warp(sizes), Decoder(sizes), MotionDiffusion(sizes))
    for network in (networks.warp, networks.decoder, networks.diffusion):
        _settle(network)
        network.eval().requires_grad_(False)
    return networks


def random_inputs(sizes: Sizes, frames: int) -> Inputs:
    """A face that moves a little."""
    chance = np.random.default_rng(SEED)
    shape = (1, sizes.volume_channels, sizes.depth, sizes.grid, sizes.grid)
    source = chance.uniform(-0.6, 0.6, (1, POINTS, 3)).astype(np.float32)
    driving = source + chance.normal(0, 0.03, (frames, POINTS, 3)).astype(np.float32)
    return Inputs(torch.from_numpy(chance.normal(0, 1, shape).astype(np.float32)), source, driving)


@torch.no_grad()
def _settle(network: nn.Module) -> None:
    """Weights of a size that keeps signals as they are, and spectral norms that are those of the weights."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d | nn.Linear):
            nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
        if isinstance(module, SpectralConv2d):
            nn.init.normal_(module.weight_orig, std=module.weight_orig[0].numel() ** -0.5)
            weight = module.weight_orig.flatten(1)
            left = nn.functional.normalize(torch.randn(len(weight)), dim=0)
            for _ in range(POWER_ITERATIONS):
                right = nn.functional.normalize(weight.T @ left, dim=0)
                left = nn.functional.normalize(weight @ right, dim=0)
            module.weight_u.copy_(left)
            module.weight_v.copy_(right)
