"""The animated face back in its picture, on the device, and only where the face's crop lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from deployments.video.ditto.face.avatar import DittoAvatar

Layout = Literal["nv12", "bgr"]
"""nv12: uint8 [n, 3h/2, w], h rows of brightness, then h/2 of Cb and Cr in turn; BT.709, limited range. bgr: uint8
[n, h, w, 3]."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One avatar's picture around its face, ready on the device. Made by Compositor.scene."""


class Compositor:
    """Puts faces into their pictures. All frames of one have the same canvas."""

    def __init__(self, canvas: tuple[int, int], face_pixels: int, device: torch.device) -> None:
        """`canvas`: (width, height) in pixels, both even. `face_pixels`: side of the faces that come."""

    def scene(self, avatar: DittoAvatar) -> Scene:
        """What never changes for an avatar. Raises EngineFailed where its canvas is another."""
        raise NotImplementedError

    def compose(self, scenes: Sequence[Scene], faces: torch.Tensor, layout: Layout = "nv12") -> torch.Tensor:
        """Frames on the device, one a face: `faces` [n, 3, face_pixels, face_pixels] RGB in 0..1, any float type,
        `scenes` one for each. A frame does not depend on its neighbours in the batch."""
        raise NotImplementedError
