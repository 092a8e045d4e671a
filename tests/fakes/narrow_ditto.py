"""The Ditto engine with networks of its own shape but so narrow that a frame takes a few milliseconds, with
pseudo-weights: everything about it that does not depend on the published weights holds here too."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import torch

from deployments.errors import NotFound
from deployments.video.ditto.animator import DittoAnimator
from deployments.video.ditto.config_pickle import PublishedConfig
from deployments.video.ditto.face.avatar import DittoAvatar
from deployments.video.ditto.face.compositing import Compositor
from deployments.video.ditto.face.finder import LandmarkFinder
from deployments.video.ditto.face.settings import FaceSettings
from deployments.video.ditto.fast.diffusion import CachedDiffuser
from deployments.video.ditto.networks.appearance import Appearance
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.diffusion import MotionDiffusion
from deployments.video.ditto.networks.motion import MotionExtractor
from deployments.video.ditto.networks.stitch import Stitch
from deployments.video.ditto.networks.warp import Warp
from deployments.video.ditto.parts import DittoParts
from deployments.video.ditto.settings import DittoSettings
from deployments.video.ditto.sizes import Sizes
from deployments.video.ditto.torch_faces import TorchFaces, TorchStitcher
from deployments.video.ditto.torch_renderer import TorchRenderer
from deployments.video.ladder import Rungs
from tests.ditto_faces import write_landmark203
from tests.ditto_weights import fill_module
from tests.fakes.ditto_parts import FakeHearer

TINY = Sizes(
    grid=4,
    depth=2,
    volume_channels=4,
    appearance_width=8,
    compressed_channels=1,
    hourglass_width=4,
    hourglass_most=8,
    hourglass_blocks=1,
    warped_channels=8,
    decoder_width=16,
    spade_width=8,
    middle_blocks=1,
    motion_depths=(1, 1, 1, 1),
    motion_widths=(8, 8, 16, 16),
    stitch_widths=(32, 32, 16),
    latent=32,
    feed_forward=32,
    heads=2,
    decoder_layers=1,
    encoder_layers=1,
)
"""Narrower than NARROW. Faces are 32 pixels a side."""
SMALL: dict[str, Any] = {"frame_width": 128, "frame_height": 192, "warm_avatars": ()}
"""A canvas of a tenth of the usual pixels: the promises do not depend on the size, the time does."""
ALL_RUNGS = Rungs(render=(1, 2), fewer_steps=True)


_enrolled: dict[tuple[int, int], dict[str, DittoAvatar]] = {}
"""Built-in avatars by canvas: enrolled once for all engines of a test run, as it takes half a second."""


def nowhere(avatar_id: str) -> bytes:
    """A store with nobody in it."""
    raise NotFound(f"There is no avatar {avatar_id!r}.")


@cache
def finder() -> LandmarkFinder:
    """The real one, with a graph that always gives the same 203 landmarks."""
    with tempfile.TemporaryDirectory() as folder:
        write_landmark203(Path(folder))
        return LandmarkFinder(Path(folder), FaceSettings())


def _filled(network: Any) -> Any:
    fill_module(network)
    return network


def _scaled(layer: torch.nn.Module, share: float, rows: slice = slice(None)) -> None:
    for values in layer.parameters():
        values.data[rows] *= share


@cache
def _networks(sizes: Sizes) -> tuple[CachedDiffuser, TorchStitcher, TorchRenderer, TorchFaces]:
    kinds = (MotionDiffusion, Stitch, Warp, Decoder, Appearance, MotionExtractor)
    diffusion, stitch, warp, decoder, appearance, motion = (_filled(kind(sizes)) for kind in kinds)
    # as large as the published ones' outputs: a face of unit scale within -1..1, which moves by hundredths
    for head, share in (("scale", 0.02), ("t", 0.02), ("exp", 0.02), ("kp", 0.15)):
        _scaled(getattr(motion.detector, f"fc_{head}"), share)
    motion.detector.fc_scale.bias.data += 1
    _scaled(diffusion.final_layer, 0.02, slice(0, 1))
    _scaled(diffusion.final_layer, 0.05, slice(199, None))
    _scaled(stitch.mlp[-1], 0.01)
    return (
        CachedDiffuser(diffusion),
        TorchStitcher(stitch),
        TorchRenderer(warp, decoder),
        TorchFaces(appearance, motion),
    )


def narrow_parts(settings: DittoSettings, sizes: Sizes = TINY, **others: Any) -> DittoParts:
    """Parts of real kinds on the CPU; `others` take the place of some."""
    diffuser, stitcher, renderer, faces = _networks(sizes)
    device = torch.device("cpu")
    parts: dict[str, Any] = {
        "hearer": FakeHearer(),
        "diffuser": diffuser,
        "stitcher": stitcher,
        "renderer": renderer,
        "faces": faces,
        "compositor": Compositor(settings.frame_size, device),
        "finder": finder(),
        "device": device,
        "published": PublishedConfig({}),
        "weights": "pseudo-weights",
    }
    return DittoParts(**(parts | others))


def narrow_ditto(
    load: Callable[[str], bytes] = nowhere,
    watch: Callable[[int, Any], None] | None = None,
    rungs: Rungs = ALL_RUNGS,
    parts: dict[str, Any] | None = None,
    **knobs: Any,
) -> DittoAnimator:
    """The engine. `parts` take the place of some of its own; `knobs` are of DittoSettings."""
    settings = DittoSettings.model_validate({**SMALL, **knobs})
    animator = DittoAnimator(settings, narrow_parts(settings, **(parts or {})), load, watch, rungs=rungs)
    animator._avatars._built_in = _enrolled.setdefault(settings.frame_size, {})
    return animator
