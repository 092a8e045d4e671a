"""W and G of Ditto at their published size, as published and as they serve, against the published modules' outputs."""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from deployments.video.ditto.fast.decoder import FastDecoder
from deployments.video.ditto.fast.warp import FieldsNet, IdentityNet, WarpTail
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.warp import Warp, Warped
from deployments.video.ditto.sizes import FULL
from tests.ditto_golden import compare
from tests.ditto_weights import fill, n, shapes, u

pytestmark = pytest.mark.contract
Network = TypeVar("Network", Warp, Decoder)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    with torch.inference_mode():
        yield
    torch.set_num_threads(before)


def published(kind: type[Network], name: str) -> Network:
    """With its pseudo-weights, after its keys and shapes were compared with the published checkpoint's."""
    with torch.device("meta"):
        network = kind(FULL)
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == shapes(name)
    weights = {key: torch.from_numpy(value) for key, value in fill(shapes(name)).items()}
    network.load_state_dict(weights, assign=True)
    return network.eval()


def test_warp_gives_the_published_outputs_as_published_and_folded() -> None:
    warp = published(Warp, "W")
    feature = torch.from_numpy(n("in:W.f", (1, 32, 16, 64, 64)))
    at = u("in:W.ks", (1, 21, 3), -0.5, 0.5)
    source, driving = torch.from_numpy(at), torch.from_numpy(at + np.float32(0.1) * n("in:W.kd", (1, 21, 3)))
    plain: Warped = warp(feature, source, driving)
    _compare_warp(plain.out, plain.dense.deformation, plain.dense.occlusion, plain.dense.mask, most=1e-5)

    compressed, heat = IdentityNet(warp)(feature, source)
    mask, occlusion = FieldsNet(warp)(compressed, heat, source, driving)
    tail = WarpTail(warp)
    out = tail(feature, source, driving, mask, occlusion)
    _compare_warp(out, tail.deformation(source, driving, mask), occlusion, mask, most=2e-5)
    flat = WarpTail(warp, sampling="rank4")(feature, source, driving, mask, occlusion)
    assert compare("W", "out", flat) < 1e-4


def _compare_warp(out: Tensor, deformation: Tensor, occlusion: Tensor, mask: Tensor, most: float) -> None:
    assert compare("W", "out", out) < most
    assert compare("W", "deformation", deformation) < most
    assert compare("W", "occlusion", occlusion) < most
    assert compare("W", "mask_mean", mask.mean(dim=(2, 3, 4))) < most


def test_decoder_gives_the_published_picture_as_published_and_folded() -> None:
    decoder = published(Decoder, "G")
    features = torch.from_numpy(n("in:G.f", (1, 256, 64, 64)))
    forms: tuple[nn.Module, ...] = (decoder, FastDecoder(decoder))
    for form in forms:
        assert compare("G", "out", form(features)) < 1e-5
