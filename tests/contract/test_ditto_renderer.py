"""Ditto's renderer in torch: frames of several faces in one batch, and each of its knobs."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from deployments.contracts import Float32
from deployments.errors import EngineFailed
from deployments.video.ditto.networks.warp import Warped
from deployments.video.ditto.sizes import NARROW
from deployments.video.ditto.torch_renderer import TorchRenderer
from deployments.video.ditto.types import Fields, Identity, Renderer
from tests.ditto_weights import n, narrow_renderer, u

pytestmark = pytest.mark.contract
SHAPE = (NARROW.volume_channels, NARROW.depth, NARROW.grid, NARROW.grid)
FRAMES = 3
SOURCES = u("sources", (2, 21, 3), -0.5, 0.5)
FACES = [0, 1, 0]
DRIVING: Float32 = SOURCES[FACES] + np.float32(0.1) * n("driving", (FRAMES, 21, 3))


def renderer(**knobs: Any) -> TorchRenderer:
    return TorchRenderer(*narrow_renderer(), **knobs)


@cache
def usual() -> TorchRenderer:
    return renderer()


def feature(face: int) -> torch.Tensor:
    return torch.from_numpy(n(f"feature {face}", (1, *SHAPE)))


def faces(of: Renderer) -> list[Identity]:
    """One a frame; two people, one of them seen twice."""
    people = [of.identity(feature(face), SOURCES[face : face + 1]) for face in range(2)]
    return [people[face] for face in FACES]


def draw(of: Renderer) -> tuple[Fields, torch.Tensor]:
    who = faces(of)
    where = of.fields(who, DRIVING)
    return where, of.frames(who, DRIVING, where)


@cache
def drawn() -> tuple[Fields, torch.Tensor]:
    """By the renderer as it is without any knob."""
    return draw(usual())


def decibels(first: torch.Tensor, second: torch.Tensor) -> float:
    return -10 * float((first.float() - second.float()).square().mean().log10())


def test_frames_are_those_of_the_published_narrow_renderer() -> None:
    warp, decoder = narrow_renderer()
    where, pictures = drawn()
    features = torch.cat([feature(face) for face in FACES])
    with torch.inference_mode():
        plain: Warped = warp(features, torch.from_numpy(SOURCES[FACES]), torch.from_numpy(DRIVING))
        wanted = decoder(plain.out)
    assert where.mask.shape == (FRAMES, 22, *SHAPE[1:])
    assert pictures.shape == (FRAMES, 3, NARROW.face_pixels, NARROW.face_pixels)
    torch.testing.assert_close(where.mask, plain.dense.mask, atol=1e-6, rtol=0)
    torch.testing.assert_close(where.occlusion, plain.dense.occlusion, atol=1e-5, rtol=0)
    torch.testing.assert_close(pictures, wanted, atol=1e-5, rtol=0)


def test_a_frame_of_a_batch_is_bit_for_bit_the_frame_alone() -> None:
    of = usual()
    who, (where, pictures) = faces(of), drawn()
    for frame in range(FRAMES):
        only = slice(frame, frame + 1)
        fields = of.fields(who[only], DRIVING[only])
        assert torch.equal(fields.mask, where.mask[only])
        assert torch.equal(fields.occlusion, where.occlusion[only])
        assert torch.equal(of.frames(who[only], DRIVING[only], fields), pictures[only])
    assert float((pictures[0] - pictures[2]).abs().max()) > 1e-3, "frames do not differ"


def test_a_gpu_would_take_batches_of_max_batch_frames() -> None:
    of = renderer(max_batch_frames=2)
    assert of.batch_frames == 1, "a CPU takes frames one by one"
    of.batch_frames = 2
    seen: list[tuple[str, int]] = []
    for name, module in (("fields", of.modules.fields), ("frames", of.modules.frames)):
        module.register_forward_pre_hook(lambda _, inputs, name=name: seen.append((name, len(inputs[0]))))
    where, pictures = draw(of)
    assert seen == [(name, count) for name in ("fields", "frames") for count in (2, 1)]
    wanted_where, wanted = drawn()
    torch.testing.assert_close(where.mask, wanted_where.mask, atol=1e-6, rtol=0)
    torch.testing.assert_close(pictures, wanted, atol=1e-5, rtol=0)


def test_frames_of_one_face_share_its_memory_in_a_batch() -> None:
    of = renderer()
    of.batch_frames = 2
    seen: list[int] = []
    of.modules.frames.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].stride(0)))
    who = [faces(of)[0]] * 2
    of.frames(who, DRIVING[[0, 2]], of.fields(who, DRIVING[[0, 2]]))
    assert seen == [0]


def test_channels_last_is_an_order_in_memory_and_nothing_else() -> None:
    of = renderer(channels_last=True)
    weights = {tuple(weight.shape): weight for module in of.modules.all() for weight in module.parameters()}
    assert all(weight.stride(1) == 1 for shape, weight in weights.items() if len(shape) >= 4 and shape[1] > 1)
    torch.testing.assert_close(draw(of)[1], drawn()[1], atol=1e-5, rtol=0)


def test_half_precision_is_near() -> None:
    where, pictures = draw(renderer(precision="fp16"))
    assert {where.mask.dtype, where.occlusion.dtype, pictures.dtype} == {torch.float16}
    assert decibels(pictures, drawn()[1]) >= 45


def test_without_a_gpu_fused_kernels_and_graphs_leave_it_to_torch() -> None:
    pictures = draw(renderer(fused_spade=True, cuda_graphs=True))[1]
    assert torch.equal(pictures, drawn()[1])


def test_a_face_and_a_field_for_each_frame_are_asked_for() -> None:
    of = usual()
    who = faces(of)
    where = of.fields(who[:2], DRIVING[:2])
    with pytest.raises(EngineFailed, match="2 faces for 3 frames"):
        of.fields(who[:2], DRIVING)
    with pytest.raises(EngineFailed, match="0 faces"):
        of.fields([], DRIVING[:0])
    with pytest.raises(EngineFailed, match="Fields of 2 frames for 3 faces"):
        of.frames(who[:3], DRIVING[:3], where)
    with pytest.raises(EngineFailed, match="max_batch_frames"):
        renderer(max_batch_frames=0)
