"""Pseudo-weights and inputs that are the same on every machine: numpy's PCG64 seeded with the CRC-32 of a name.
The reference outputs of tests/data/ditto were computed for exactly these."""

import json
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

    from deployments.video.ditto.networks.decoder import Decoder
    from deployments.video.ditto.networks.warp import Warp

Float32 = npt.NDArray[np.float32]
DATA = Path(__file__).parent / "data" / "ditto"
POWER_ITERATIONS = 5


def _generator(key: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))


def n(key: str, shape: Sequence[int]) -> Float32:
    """float32 of `shape`, standard normal."""
    return _generator(key).standard_normal(tuple(shape)).astype(np.float32)


def u(key: str, shape: Sequence[int], low: float, high: float) -> Float32:
    """float32 of `shape`, uniform in [low, high)."""
    return _generator(key).uniform(low, high, tuple(shape)).astype(np.float32)


def tensor_for(key: str, shape: Sequence[int]) -> npt.NDArray[Any]:
    """The tensor that a state-dict key of this shape gets: float32, int64 for counters."""
    if key.endswith("num_batches_tracked"):
        return np.zeros(tuple(shape), np.int64)
    if key.endswith("rotary.freqs"):
        exponents = np.arange(shape[0], dtype=np.float64) / shape[0]
        return (1.0 / 10000.0**exponents).astype(np.float32)
    values = n(key, shape)
    if key.endswith("running_var"):
        return 1 + np.float32(0.1) * np.abs(values)
    if key in ("null_cond_embed", "null_cond_hidden"):
        return values
    if key.endswith("running_mean") or ".grn." in key:
        return np.float32(0.1) * values
    if len(shape) >= 2:
        return values / np.float32(np.sqrt(np.prod(tuple(shape)[1:])))
    if key.endswith("weight"):
        return 1 + np.float32(0.1) * values
    return np.float32(0.05) * values


def fill(shapes: Mapping[str, Sequence[int]]) -> dict[str, npt.NDArray[Any]]:
    """A state dict of these shapes, in any order. The u and v of spectral norms come from power iterations in float64
    on their weight, so that the weight is divided by about its largest singular value."""
    filled = {
        key: tensor_for(key, shape) for key, shape in shapes.items() if not key.endswith(("weight_u", "weight_v"))
    }
    for key in [key for key in shapes if key.endswith("weight_orig")]:
        name = key.removesuffix("weight_orig")
        weight = filled[key].astype(np.float64).reshape(shapes[key][0], -1)
        left = n(name + "weight_u", (weight.shape[0],)).astype(np.float64)
        left /= np.linalg.norm(left)
        for _ in range(POWER_ITERATIONS):
            right = weight.T @ left
            right /= np.linalg.norm(right)
            left = weight @ right
            left /= np.linalg.norm(left)
        filled[name + "weight_u"] = left.astype(np.float32)
        filled[name + "weight_v"] = right.astype(np.float32)
    return filled


@cache
def _shapes() -> dict[str, dict[str, list[int]]]:
    found: dict[str, dict[str, list[int]]] = json.loads((DATA / "state_dict_shapes.json").read_text())
    return found


def shapes(network: str) -> dict[str, tuple[int, ...]]:
    """Key to shape of a published checkpoint: F, M, W, G, S or LMDM."""
    return {key: tuple(shape) for key, shape in _shapes()[network].items()}


def fill_module(module: "torch.nn.Module") -> None:
    """Gives every entry of the module's state dict its pseudo-weight, and switches it to evaluation."""
    import torch

    own = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    module.load_state_dict({key: torch.from_numpy(value) for key, value in fill(own).items()})
    module.eval()


@cache
def narrow_renderer() -> "tuple[Warp, Decoder]":
    """W and G of the narrow sizes. Made once: not to be changed."""
    from deployments.video.ditto.networks.decoder import Decoder
    from deployments.video.ditto.networks.warp import Warp
    from deployments.video.ditto.sizes import NARROW

    warp, decoder = Warp(NARROW), Decoder(NARROW)
    fill_module(warp)
    fill_module(decoder)
    return warp, decoder
