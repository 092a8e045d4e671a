"""From settings and verified weights to the engine's parts. What runs the networks is the settings' choice, as data."""

from pathlib import Path

from deployments.errors import WeightsMissing
from deployments.video.ditto import checkpoints
from deployments.video.ditto.config_pickle import PublishedConfig, load_config
from deployments.video.ditto.face.compositing import Compositor
from deployments.video.ditto.face.finder import LandmarkFinder
from deployments.video.ditto.motion.settings import MotionSettings
from deployments.video.ditto.parts import DittoParts
from deployments.video.ditto.runtimes.exportable import Networks
from deployments.video.ditto.runtimes.hubert import OnnxHearer
from deployments.video.ditto.runtimes.opening import open_networks
from deployments.video.ditto.settings import DittoSettings
from deployments.video.ditto.sizes import FULL, Sizes
from deployments.weights.digest import marked_sha256, sha256_of
from deployments.weights.manifest import load_manifest
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings

CONFIGURATIONS = {"online": "v0.4_hubert_cfg_trt_online.pkl", "offline": "v0.4_hubert_cfg_trt.pkl"}
"""The published file of each mode."""
HEARING = "hubert.onnx"


def build_parts(settings: DittoSettings, weights: WeightsSettings, sizes: Sizes = FULL) -> DittoParts:
    """The parts, ready but for warm-up. `sizes`: of the networks that the checkpoints hold.

    Raises WeightsMissing, with every set that is missing, its licence and the remedy; EngineUnusable where the runtime
    has no engines for these weights and this card; NoGpu and DriverTooOld where there is no card to run on.
    """
    names = settings.weights
    folders = required(settings.weight_sets, weights)
    opened = open_networks(load_networks(folders[names.networks], sizes), settings.runtime)
    published = published_config(folders.get(names.published or ""), settings.motion)
    shown = [folders[name] for name in (names.networks, names.hearing, names.published) if name is not None]
    return DittoParts(
        hearer=OnnxHearer(folders[names.hearing] / HEARING, settings.runtime),
        diffuser=opened.diffuser,
        stitcher=opened.stitcher,
        renderer=opened.renderer,
        faces=opened.faces,
        compositor=Compositor(settings.frame_size, opened.device),
        finder=LandmarkFinder(folders[names.landmarks], settings.face, folders.get(names.insightface)),
        device=opened.device,
        published=published,
        weights=" ".join(_digests(shown)),
    )


def required(names: tuple[str, ...], weights: WeightsSettings) -> dict[str, Path]:
    """The verified folder of each set. Raises WeightsMissing that tells of all that are missing at once."""
    folders: dict[str, Path] = {}
    missing: list[str] = []
    for name in names:
        try:
            folders[name] = require(name, weights)
        except WeightsMissing as error:
            missing.append(f"{name} (licence: {load_manifest().get(name).licence.name}): {error.message}")
    if missing:
        raise WeightsMissing("The Ditto engine lacks weights. " + " ".join(missing))
    return folders


def load_networks(folder: Path, sizes: Sizes) -> Networks:
    """All six, as published. Raises WeightsMissing for a file that does not hold its network."""
    return Networks(
        appearance=checkpoints.load_appearance(folder, sizes),
        motion=checkpoints.load_motion(folder, sizes),
        stitch=checkpoints.load_stitch(folder, sizes),
        diffusion=checkpoints.load_diffusion(folder, sizes),
        warp=checkpoints.load_warp(folder, sizes),
        decoder=checkpoints.load_decoder(folder, sizes),
    )


def published_config(folder: Path | None, motion: MotionSettings) -> PublishedConfig:
    """That of the mode; without a folder one that says nothing."""
    return PublishedConfig({}) if folder is None else load_config(folder / CONFIGURATIONS[motion.mode])


def _digests(folders: list[Path]) -> list[str]:
    """Of every weight file there, as it was verified."""
    files = [
        path for folder in folders for path in sorted(folder.iterdir()) if path.suffix in (".pth", ".onnx", ".pkl")
    ]
    return [marked_sha256(path) or sha256_of(path) for path in files]
