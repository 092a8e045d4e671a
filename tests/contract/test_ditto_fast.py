"""Each rewrite of W and G against what it replaces, on narrow networks, and what all save, counted on the real ones."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from deployments.video.ditto.fast import folds
from deployments.video.ditto.fast.decoder import FastDecoder
from deployments.video.ditto.fast.modulate import statistics
from deployments.video.ditto.fast.occlusion import Occlusion
from deployments.video.ditto.fast.sampling import sampled
from deployments.video.ditto.fast.translate import gaussians, translated
from deployments.video.ditto.fast.warp import FieldsNet, IdentityNet, WarpTail
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.geometry import KEYPOINT_VARIANCE, heatmaps, identity_grid, sample
from deployments.video.ditto.networks.warp import Warp, Warped
from deployments.video.ditto.sizes import FULL, NARROW
from tests.ditto_weights import n, narrow_renderer, u

pytestmark = pytest.mark.contract
FRAMES = 3


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def volume() -> Tensor:
    """Features of three faces."""
    return torch.from_numpy(n("f", (FRAMES, NARROW.volume_channels, NARROW.depth, NARROW.grid, NARROW.grid)))


def points() -> tuple[Tensor, Tensor]:
    """Source and driving keypoints of three frames; some motions lead out of the volume."""
    source = torch.from_numpy(u("s", (FRAMES, 21, 3), -0.9, 0.9))
    return source, source + 0.3 * torch.from_numpy(n("d", (FRAMES, 21, 3)))


def error(first: Tensor, second: Tensor) -> float:
    assert first.shape == second.shape
    return float((first.double() - second.double()).abs().max())


def serve(kind: torch.dtype, rows: list[int]) -> tuple[Tensor, ...]:
    """Mask, occlusion, warped features and picture of some of the three frames, by the forms that serve."""
    warp, decoder = narrow_renderer()
    parts = (IdentityNet(warp), FieldsNet(warp), WarpTail(warp), FastDecoder(decoder))
    identity, fields, tail, draw = (part.to(kind) for part in parts)
    feature, (source, driving) = volume()[rows].to(kind), (each[rows] for each in points())
    mask, occlusion = fields(*identity(feature, source), source, driving)
    warped = tail(feature, source, driving, mask, occlusion)
    return mask, occlusion, warped, draw(warped)


@pytest.mark.parametrize(("factor", "shape"), [(2, (2, 7, 6, 6)), (4, (2, 7, 6, 6))])
def test_a_convolution_after_nearest_is_a_transposed_one(factor: int, shape: tuple[int, ...]) -> None:
    picture, weight = torch.from_numpy(n("p", shape)).double(), torch.from_numpy(n("w", (5, 7, 3, 3))).double()
    bias = torch.from_numpy(n("b", (5,))).double()
    wanted = F.conv2d(F.interpolate(picture, scale_factor=factor), weight, bias, padding=1)
    got = folds.upsampling2d((weight, bias), factor)(picture)
    if factor == 4:
        twice = folds.repeat_middle(6, picture)
        got = got[:, :, twice][..., twice]
    assert error(got, wanted) < 1e-12


def test_a_3d_convolution_after_nearest_is_a_transposed_one() -> None:
    inputs, weight = (
        torch.from_numpy(n("p", (2, 4, 3, 6, 5))).double(),
        torch.from_numpy(n("w", (3, 4, 3, 3, 3))).double(),
    )
    bias = torch.from_numpy(n("b", (3,))).double()
    wanted = F.conv3d(F.interpolate(inputs, scale_factor=(1, 2, 2)), weight, bias, padding=1)
    assert error(folds.upsampling3d((weight, bias))(inputs), wanted) < 1e-12


def test_a_norm_goes_into_the_convolution_before_it() -> None:
    third = narrow_renderer()[0].third
    picture = volume().flatten(1, 2)
    assert error(folds.conv2d(folds.with_norm(third.conv, third.norm))(picture), third.norm(third.conv(picture))) < 1e-5


def test_translations_are_products_of_matrices() -> None:
    """Up to beyond the volume's borders, where there are zeros."""
    inputs, (source, driving) = volume(), points()
    moved = (source - driving) * 2
    grid = identity_grid(NARROW.depth, NARROW.grid, inputs) + moved[:, :, None, None, None]
    wanted = sample(inputs.repeat_interleave(21, 0), grid.flatten(0, 1))
    got = translated(inputs, moved).transpose(2, 3).flatten(0, 1)
    assert error(got, wanted) < 1e-5
    assert float(wanted.abs().amin(dim=(1, 2, 3, 4)).min()) == 0, "no motion leads outside"


def test_heatmaps_are_products_of_axes() -> None:
    source, _ = points()
    grid = identity_grid(NARROW.depth, NARROW.grid, source)
    got = gaussians(source, NARROW.depth, NARROW.grid, KEYPOINT_VARIANCE)
    assert error(got, heatmaps(grid, source)) < 1e-6


def test_pictures_of_slices_stand_in_for_a_volume() -> None:
    """Positions are drawn up to half a volume outside."""
    inputs = volume()
    where = torch.from_numpy(u("g", (FRAMES, NARROW.depth, NARROW.grid, NARROW.grid, 3), -1.5, 1.5))
    assert error(sampled(inputs, where, "rank4"), sample(inputs, where)) < 1e-5


def test_an_occlusion_is_the_sum_of_its_taps() -> None:
    convolution = narrow_renderer()[0].dense_motion_network.occlusion
    channels = convolution.in_channels // NARROW.depth
    inputs = torch.from_numpy(n("o", (2, channels, NARROW.depth, NARROW.grid, NARROW.grid)))
    wanted = torch.sigmoid(convolution(inputs.flatten(1, 2)))
    pair = (convolution.weight, folds.bias_of(convolution))
    assert error(Occlusion(pair, NARROW.depth, channels, 49)(inputs), wanted) < 1e-6
    more = F.pad(inputs, (0, 0, 0, 0, 0, 0, 0, 3), value=5.0)
    assert error(Occlusion(pair, NARROW.depth, channels + 3, 56)(more), wanted) < 1e-6


def test_statistics_are_of_the_picture_before_it_is_enlarged() -> None:
    picture = torch.from_numpy(n("p", (2, 5, 12, 12))) * 3 + 2
    before, after = statistics(picture), statistics(F.interpolate(picture, scale_factor=2))
    assert error(before.mean, after.mean) < 1e-6
    assert error(before.rstd, after.rstd) < 1e-6
    half = statistics(picture.half())
    assert half.mean.dtype == half.rstd.dtype == torch.float32
    assert error(half.mean, before.mean) < 2e-3
    assert error(half.rstd, before.rstd) < 2e-3


def test_the_forms_that_serve_give_what_the_published_ones_give() -> None:
    warp, decoder = narrow_renderer()
    source, driving = points()
    plain: Warped = warp(volume(), source, driving)
    mask, occlusion, warped, picture = serve(torch.float32, [0, 1, 2])
    assert error(mask, plain.dense.mask) < 1e-6
    assert error(occlusion, plain.dense.occlusion) < 1e-5
    assert error(WarpTail(warp).deformation(source, driving, mask), plain.dense.deformation) < 1e-5
    assert error(warped, plain.out) < 1e-5
    assert error(picture, decoder(plain.out)) < 1e-5


def test_channels_added_for_tensor_cores_change_nothing() -> None:
    warp = narrow_renderer()[0]
    compressed, heat = IdentityNet(warp)(volume(), points()[0])
    plain, aligned = FieldsNet(warp), FieldsNet(warp, aligned=8)
    weights = [weight for weight in aligned.parameters() if weight.ndim == 5]
    assert all(weight.shape[0] % 8 == weight.shape[1] % 8 == 0 for weight in weights)
    assert any(weight.shape[1] % 8 for weight in plain.parameters() if weight.ndim == 5)
    for wanted, got in zip(plain(compressed, heat, *points()), aligned(compressed, heat, *points()), strict=True):
        assert error(got, wanted) < 1e-6


def test_a_frame_is_the_same_in_any_company() -> None:
    """Bit for bit where torch takes the same kernels; of a small picture alone it computes convolutions otherwise."""
    together, pair, alone = (serve(torch.float32, rows) for rows in ([0, 1, 2], [2, 1], [1]))
    for all_three, two, one in zip(together, pair, alone, strict=True):
        assert torch.equal(two[1], all_three[1])
        assert torch.equal(two[0], all_three[2])
        assert error(one[0], all_three[1]) < 1e-5
        assert error(all_three[0], all_three[1]) > 1e-3, "the frames do not differ"


def test_half_precision_draws_nearly_the_same_picture() -> None:
    single, half = serve(torch.float32, [0, 1]), serve(torch.float16, [0, 1])
    assert {each.dtype for each in half} == {torch.float16}
    assert -10 * float((half[-1].float() - single[-1]).square().mean().log10()) >= 45


def flops(network: nn.Module, *inputs: Tensor) -> float:
    """GFLOP, two a product."""
    with FlopCounterMode(display=False) as counter:
        network(*inputs)
    return float(counter.get_total_flops()) / 1e9


@pytest.fixture(scope="module")
def counted() -> dict[str, float]:
    """GFLOP of one frame at the published size, on the device `meta`, whose tensors have shapes and no values."""
    sizes, grid = FULL, (FULL.depth, FULL.grid, FULL.grid)
    with torch.device("meta"), torch.no_grad():
        warp, decoder = Warp(sizes).eval(), Decoder(sizes).eval()
        feature, at = torch.empty(1, sizes.volume_channels, *grid), torch.empty(1, 21, 3)
        compressed, heat = torch.empty(1, sizes.compressed_channels, *grid), torch.empty(1, 21, *grid)
        mask, occlusion = torch.empty(1, 22, *grid), torch.empty(1, 1, sizes.grid, sizes.grid)
        features = torch.empty(1, sizes.warped_channels, sizes.grid, sizes.grid)
        fields = flops(FieldsNet(warp), compressed, heat, at, at)
        return {
            "published W": flops(warp, feature, at, at),
            "published G": flops(decoder, features),
            "W": fields + flops(WarpTail(warp), feature, at, at, mask, occlusion),
            "G": flops(FastDecoder(decoder), features),
        }


def test_the_published_networks_take_what_they_are_known_to_take(counted: dict[str, float]) -> None:
    assert counted["published W"] == pytest.approx(342.07, abs=0.01)
    assert counted["published G"] == pytest.approx(891.57, abs=0.01)


def test_the_forms_that_serve_take_less(counted: dict[str, float]) -> None:
    assert counted["W"] <= 305
    assert counted["G"] <= 745
    assert counted["W"] == pytest.approx(300.39, abs=0.01)
    assert counted["G"] == pytest.approx(740.98, abs=0.01)
