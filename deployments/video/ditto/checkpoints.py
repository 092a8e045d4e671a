"""The published checkpoints, as they were published, into our networks. Nothing that is pickled in them is run, and
nothing may be missing, left over or of another shape."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from deployments.errors import WeightsMissing
from deployments.video.ditto.networks.appearance import Appearance
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.diffusion import MotionDiffusion
from deployments.video.ditto.networks.motion import MotionExtractor
from deployments.video.ditto.networks.stitch import Stitch
from deployments.video.ditto.networks.warp import Warp
from deployments.video.ditto.sizes import FULL, Sizes

WEIGHT_SET = "ditto-pytorch"
"""The set of deployments/weights/manifest.json that has all six files."""
_REMEDY = f"Delete it and fetch it again: avatar models pull {WEIGHT_SET}"
_NAMED_AT_MOST = 4
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Published:
    """One checkpoint: its file, the entry of the file that is the state dict (None: the whole file), and what stands
    before every key there."""

    file: str
    entry: str | None = None
    prefix: str = ""


APPEARANCE = Published("appearance_extractor.pth")
MOTION = Published("motion_extractor.pth")
WARP = Published("warp_network.pth")
DECODER = Published("decoder.pth")
STITCH = Published("stitch_network.pth", "retarget_shoulder", "module.")
DIFFUSION = Published("lmdm_v0.4_hubert.pth", "model_state_dict")


def load_appearance(folder: Path, sizes: Sizes = FULL) -> Appearance:
    """F. This and the following: of a folder with the published files, in single precision on the CPU, ready to
    evaluate. Raises WeightsMissing as `load_strict`."""
    return _loaded(Appearance(sizes), APPEARANCE, folder)


def load_motion(folder: Path, sizes: Sizes = FULL) -> MotionExtractor:
    """M."""
    return _loaded(MotionExtractor(sizes), MOTION, folder)


def load_warp(folder: Path, sizes: Sizes = FULL) -> Warp:
    """W."""
    return _loaded(Warp(sizes), WARP, folder)


def load_decoder(folder: Path, sizes: Sizes = FULL) -> Decoder:
    """G."""
    return _loaded(Decoder(sizes), DECODER, folder)


def load_stitch(folder: Path, sizes: Sizes = FULL) -> Stitch:
    """S."""
    return _loaded(Stitch(sizes), STITCH, folder)


def load_diffusion(folder: Path, sizes: Sizes = FULL) -> MotionDiffusion:
    """LMDM."""
    return _loaded(MotionDiffusion(sizes), DIFFUSION, folder)


def load_strict(network: nn.Module, path: Path, entry: str | None = None, prefix: str = "") -> None:
    """Give a network every tensor of its state dict from a file of `torch.save`.

    `entry`: the key of the file under which the state dict is, None if it is the whole file. `prefix`: removed from
    the start of every key. Raises WeightsMissing, naming the file, what is wrong with it and the remedy, where it does
    not exist, cannot be read, holds anything but tensors in plain containers, or does not have exactly the network's
    keys and shapes; the network is then as it was.
    """
    found = {key.removeprefix(prefix): value for key, value in _tensors(path, entry).items()}
    wanted = network.state_dict()
    problems = _differences({key: value.shape for key, value in wanted.items()}, found)
    if problems:
        raise WeightsMissing(f"{path} does not hold the weights of {type(network).__name__}: {problems}. {_REMEDY}")
    network.load_state_dict(found)


def _loaded(network: Network, published: Published, folder: Path) -> Network:
    load_strict(network, folder / published.file, published.entry, published.prefix)
    return network.eval().requires_grad_(False)


def _tensors(path: Path, entry: str | None) -> dict[str, Tensor]:
    """The state dict in a file."""
    if not path.is_file():
        raise WeightsMissing(f"{path} does not exist. Fetch it with: avatar models pull {WEIGHT_SET}")
    try:
        stored: Any = torch.load(path, map_location="cpu", weights_only=True)
    # Of a damaged archive torch raises any of these, and ValueError or KeyError from within its unpickler.
    except (OSError, RuntimeError, EOFError, ValueError, LookupError, pickle.UnpicklingError) as error:
        reason = str(error).strip().split("\n")[0]
        raise WeightsMissing(f"{path} is not a checkpoint that can be read ({reason}). {_REMEDY}") from error
    if entry is not None:
        if not isinstance(stored, Mapping) or entry not in stored:
            raise WeightsMissing(f"{path} has no entry {entry!r}: it is another file. {_REMEDY}")
        stored = stored[entry]
    if not isinstance(stored, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in stored.items()
    ):
        raise WeightsMissing(f"{path} does not hold a table of named tensors. {_REMEDY}")
    return dict(stored)


def _differences(wanted: Mapping[str, torch.Size], found: Mapping[str, Tensor]) -> str:
    """In words; empty where there are none."""
    missing = [key for key in wanted if key not in found]
    unexpected = [key for key in found if key not in wanted]
    misshaped = [
        f"{key} {list(value.shape)} for {list(wanted[key])}"
        for key, value in found.items()
        if key in wanted and value.shape != wanted[key]
    ]
    parts = (("missing", missing), ("unexpected", unexpected), ("of another shape", misshaped))
    return "; ".join(f"{len(keys)} {what} ({_named(keys)})" for what, keys in parts if keys)


def _named(keys: list[str]) -> str:
    return ", ".join(keys[:_NAMED_AT_MOST]) + (", …" if len(keys) > _NAMED_AT_MOST else "")
