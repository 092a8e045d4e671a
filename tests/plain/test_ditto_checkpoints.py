"""Checkpoints in the published layout, with narrow networks: all of them are read, and anything else is refused."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from deployments.errors import WeightsMissing
from deployments.video.ditto import checkpoints
from deployments.video.ditto.networks.appearance import Appearance
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.diffusion import MotionDiffusion
from deployments.video.ditto.networks.motion import MotionExtractor
from deployments.video.ditto.networks.stitch import Stitch
from deployments.video.ditto.networks.warp import Warp
from deployments.video.ditto.sizes import NARROW, Sizes
from deployments.weights.manifest import load_manifest
from tests.ditto_weights import fill_module

pytestmark = pytest.mark.plain

NETWORKS: dict[str, tuple[type[nn.Module], checkpoints.Published, Callable[[Path, Sizes], nn.Module]]] = {
    "F": (Appearance, checkpoints.APPEARANCE, checkpoints.load_appearance),
    "M": (MotionExtractor, checkpoints.MOTION, checkpoints.load_motion),
    "W": (Warp, checkpoints.WARP, checkpoints.load_warp),
    "G": (Decoder, checkpoints.DECODER, checkpoints.load_decoder),
    "S": (Stitch, checkpoints.STITCH, checkpoints.load_stitch),
    "LMDM": (MotionDiffusion, checkpoints.DIFFUSION, checkpoints.load_diffusion),
}


def publish(network: nn.Module, published: checkpoints.Published, folder: Path) -> Path:
    """A file as the published one is laid out, with what else stands in some of them."""
    weights = {published.prefix + key: value for key, value in network.state_dict().items()}
    stored: dict[str, Any] = weights
    if published.entry is not None:
        stored = {published.entry: weights, "epoch": 500, "retarget_eye": {"module.mlp.0.bias": torch.zeros(3)}}
    path = folder / published.file
    torch.save(stored, path)
    return path


@pytest.mark.parametrize("name", NETWORKS)
def test_published_layout_is_read(name: str, tmp_path: Path) -> None:
    kind, published, load = NETWORKS[name]
    network = kind(NARROW)
    fill_module(network)
    publish(network, published, tmp_path)
    found = load(tmp_path, NARROW)
    assert not found.training and not any(weight.requires_grad for weight in found.parameters())
    expected = network.state_dict()
    assert set(found.state_dict()) == set(expected)
    for key, value in found.state_dict().items():
        assert torch.equal(value, expected[key]), key


def test_files_are_those_of_the_weight_set() -> None:
    listed = {file.name for file in load_manifest().get(checkpoints.WEIGHT_SET).files}
    assert listed == {published.file for _, published, _ in NETWORKS.values()}


def test_a_missing_file_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"decoder\.pth does not exist.*avatar models pull ditto-pytorch"):
        checkpoints.load_decoder(tmp_path, NARROW)


def test_every_difference_is_named(tmp_path: Path) -> None:
    network = Stitch(NARROW)
    fill_module(network)
    weights = dict(network.state_dict())
    weights["mlp.8.weight"] = weights.pop("mlp.2.weight")
    weights["mlp.0.bias"] = torch.zeros(5)
    torch.save(weights, tmp_path / "other.pth")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(WeightsMissing) as caught:
        checkpoints.load_strict(network, tmp_path / "other.pth")
    text = caught.value.message
    for part in ("other.pth", "Stitch", "1 missing (mlp.2.weight)", "1 unexpected (mlp.8.weight)", "mlp.0.bias [5]"):
        assert part in text
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_a_full_size_file_does_not_fit_a_narrow_network(tmp_path: Path) -> None:
    publish(Stitch(), checkpoints.STITCH, tmp_path)
    checkpoints.load_stitch(tmp_path)
    publish(Appearance(Sizes(appearance_width=8)), checkpoints.APPEARANCE, tmp_path)
    with pytest.raises(WeightsMissing, match="of another shape"):
        checkpoints.load_appearance(tmp_path, NARROW)


def test_a_foreign_file_has_no_such_entry(tmp_path: Path) -> None:
    torch.save({"state": {}}, tmp_path / checkpoints.DIFFUSION.file)
    with pytest.raises(WeightsMissing, match="no entry 'model_state_dict'"):
        checkpoints.load_diffusion(tmp_path, NARROW)
    torch.save([1, 2], tmp_path / checkpoints.APPEARANCE.file)
    with pytest.raises(WeightsMissing, match="table of named tensors"):
        checkpoints.load_appearance(tmp_path, NARROW)


@pytest.mark.parametrize("kept", [0, 10, 2000, -200])
def test_a_damaged_file_is_refused(kept: int, tmp_path: Path) -> None:
    path = publish(Stitch(NARROW), checkpoints.STITCH, tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(WeightsMissing, match=r"can be read.*pull"):
        checkpoints.load_stitch(tmp_path, NARROW)
    path.write_bytes(b"not a checkpoint at all" * 50)
    with pytest.raises(WeightsMissing, match="can be read"):
        checkpoints.load_stitch(tmp_path, NARROW)


class _Order:
    """What a hostile file would do on being read."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    torch.save({"retarget_shoulder": _Order(f"touch {witness}")}, tmp_path / checkpoints.STITCH.file)
    with pytest.raises(WeightsMissing, match="can be read"):
        checkpoints.load_stitch(tmp_path, NARROW)
    assert not witness.exists()
