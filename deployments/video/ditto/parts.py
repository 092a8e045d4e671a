"""The networks and tools that the Ditto engine is put together from."""

from dataclasses import dataclass

import torch

from deployments.video.ditto.config_pickle import PublishedConfig
from deployments.video.ditto.face.compositing import Compositor
from deployments.video.ditto.face.finder import Finder
from deployments.video.ditto.types import Diffuser, FaceNetworks, Hearer, Renderer, Stitcher


@dataclass(frozen=True, slots=True, eq=False)
class DittoParts:
    """`device`: where the renderer works. `weights`: text that changes with any weight: streams do not go on under
    others."""

    hearer: Hearer
    diffuser: Diffuser
    stitcher: Stitcher
    renderer: Renderer
    faces: FaceNetworks
    compositor: Compositor
    finder: Finder
    device: torch.device
    published: PublishedConfig
    weights: str
