"""F, M and S: published keys and numbers, rows of a batch that do not know of each other, and the interfaces."""

import numpy as np
import pytest
import torch

from deployments.errors import EngineFailed
from deployments.video.ditto.networks.appearance import Appearance
from deployments.video.ditto.networks.motion import MotionExtractor
from deployments.video.ditto.networks.stitch import Stitch
from deployments.video.ditto.sizes import FULL, NARROW
from deployments.video.ditto.torch_faces import TorchFaces, TorchStitcher
from tests.ditto_golden import compare
from tests.ditto_weights import fill_module, n, shapes, u

pytestmark = pytest.mark.contract


@torch.no_grad()
def test_appearance_is_the_published_one() -> None:
    network = Appearance(FULL)
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == shapes("F")
    fill_module(network)
    out = network(torch.from_numpy(u("in:F", (1, 3, 256, 256), 0, 1)))
    assert compare("F", "out", out) < 1e-5


@torch.no_grad()
def test_motion_is_the_published_one() -> None:
    network = MotionExtractor(FULL)
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == shapes("M")
    fill_module(network)
    heads = network(torch.from_numpy(u("in:M", (1, 3, 256, 256), 0, 1)))
    assert set(heads._fields) == {"pitch", "yaw", "roll", "t", "exp", "scale", "kp"}
    for name, value in heads._asdict().items():
        assert compare("M", name, value) < 1e-5, name


@torch.no_grad()
def test_stitching_is_the_published_one() -> None:
    network = Stitch(FULL)
    assert {key: tuple(value.shape) for key, value in network.state_dict().items()} == shapes("S")
    fill_module(network)
    source, driving = (u(f"in:S.{which}", (1, 21, 3), -0.5, 0.5) for which in "sd")
    assert compare("S", "out", TorchStitcher(network).stitch(source, driving)) < 1e-6


@torch.no_grad()
def test_rows_of_a_batch_are_what_they_are_alone() -> None:
    appearance, motion, stitch = Appearance(NARROW), MotionExtractor(NARROW), Stitch(NARROW)
    for network in (appearance, motion, stitch):
        fill_module(network)
    pictures = torch.from_numpy(u("batch of faces", (3, 3, 64, 64), 0, 1))
    faces = torch.from_numpy(u("batch of larger faces", (3, 3, 256, 256), 0, 1))
    source, driving = (torch.from_numpy(n(f"batch of {which}", (3, 21, 3))) for which in ("sources", "driven"))
    volumes, heads, stitched = appearance(pictures), motion(faces), stitch(source, driving)
    assert volumes.shape == (3, 8, 4, 16, 16)
    for k in range(3):
        row = slice(k, k + 1)
        torch.testing.assert_close(volumes[row], appearance(pictures[row]), rtol=0, atol=1e-5)
        torch.testing.assert_close(stitched[row], stitch(source[row], driving[row]), rtol=0, atol=1e-5)
        for whole, alone in zip(heads, motion(faces[row]), strict=True):
            torch.testing.assert_close(whole[row], alone, rtol=0, atol=1e-5)
    assert (stitched[0] - stitched[1]).abs().max() > 0.1


def test_faces_give_volumes_and_motion() -> None:
    appearance, motion = Appearance(NARROW), MotionExtractor(NARROW)
    fill_module(appearance)
    fill_module(motion)
    faces = TorchFaces(appearance, motion, precision=torch.float16)
    volume = faces.appearance(u("a face", (1, 3, 64, 64), 0, 1))
    assert volume.shape == (1, 8, 4, 16, 16) and volume.dtype == torch.float16
    found = faces.motion(u("a larger face", (1, 3, 256, 256), 0, 1))
    assert found.vectors().shape == (1, 265) and found.vectors().dtype == np.float32
    assert found.kp is not None and found.kp.shape == (1, 63)
    assert found.scale.shape == (1, 1) and found.t.shape == (1, 3)


def test_shapes_that_do_not_fit_are_refused() -> None:
    faces = TorchFaces(Appearance(NARROW), MotionExtractor(NARROW))
    with pytest.raises(EngineFailed, match="64, 64"):
        faces.appearance(np.zeros((1, 3, 256, 256), np.float32))
    with pytest.raises(EngineFailed, match="256, 256"):
        faces.motion(np.zeros((2, 3, 256, 256), np.float32))
    with pytest.raises(EngineFailed, match="stitched"):
        TorchStitcher(Stitch(NARROW)).stitch(np.zeros((2, 21, 3), np.float32), np.zeros((1, 21, 3), np.float32))
