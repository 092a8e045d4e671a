"""A cache of weights laid out as the published one is, of narrow networks with pseudo-weights."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from deployments.video.ditto import checkpoints
from deployments.video.ditto.loading import CONFIGURATIONS, HEARING
from deployments.video.ditto.networks.appearance import Appearance
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.diffusion import MotionDiffusion
from deployments.video.ditto.networks.motion import MotionExtractor
from deployments.video.ditto.networks.stitch import Stitch
from deployments.video.ditto.networks.warp import Warp
from deployments.video.ditto.sizes import Sizes
from deployments.weights.resolver import folder_of
from deployments.weights.settings import WeightsSettings
from tests.ditto_exports import hubert
from tests.ditto_faces import write_landmark203
from tests.ditto_weights import fill_module, n

_NETWORKS: tuple[tuple[type[nn.Module], checkpoints.Published], ...] = (
    (Appearance, checkpoints.APPEARANCE),
    (MotionExtractor, checkpoints.MOTION),
    (Warp, checkpoints.WARP),
    (Decoder, checkpoints.DECODER),
    (Stitch, checkpoints.STITCH),
    (MotionDiffusion, checkpoints.DIFFUSION),
)
_WIDTHS = {"pitch": 66, "yaw": 66, "roll": 66, "t": 3, "exp": 63, "scale": 1, "kp": 63}


def write_published(root: Path, sizes: Sizes) -> WeightsSettings:
    """All sets that the default settings load, under `root`. They are not those of the manifest: `require` refuses
    them, and a test lets `stand_in` take its place."""
    weights = WeightsSettings(cache_dir=root)
    for name in ("ditto-pytorch", "ditto-hubert", "ditto-landmarks", "ditto-config"):
        (root / name).mkdir(parents=True)
    for kind, published in _NETWORKS:
        network: nn.Module = kind(sizes)
        fill_module(network)
        named = {published.prefix + key: value for key, value in network.state_dict().items()}
        stored: dict[str, Any] = named if published.entry is None else {published.entry: named}
        torch.save(stored, root / "ditto-pytorch" / published.file)
    (root / "ditto-hubert" / HEARING).write_bytes(hubert())
    write_landmark203(root / "ditto-landmarks")
    for mode, file in CONFIGURATIONS.items():
        (root / "ditto-config" / file).write_bytes(pickle.dumps({"default_kwargs": _configuration(mode)}))
    return weights


def stand_in(name: str, weights: WeightsSettings) -> Path:
    """`require` without the manifest's digests."""
    return folder_of(name, weights)


def _configuration(mode: str) -> dict[str, Any]:
    reference: dict[str, Any] = {key: np.float32(0.05) * n(f"ch:{key}", (1, width)) for key, width in _WIDTHS.items()}
    reference["scale"] = 1 + reference["scale"]
    return {
        "online_mode": mode == "online",
        "emo": np.eye(8, dtype=np.float32),
        "ch_info": {
            "x_s_info_lst": [reference],
            "sc": reference["kp"].flatten(),
            "eye_open_lst": [n("open", (1, 2))],
            "eye_ball_lst": [n("ball", (1, 6))],
        },
        "overlap_v2": 70 if mode == "online" else 10,
        "sampling_timesteps": 10 if mode == "online" else 50,
        "v_min_max_for_clip": np.stack([np.full(265, sign, np.float32) for sign in (-3, 3)] * 2)[[0, 1, 0, 1]],
        "delta_eye_arr": np.float32(0.02) * n("blink", (15, 63)),
        "overall_ctrl_info": {"delta_pitch": 2},
    }
