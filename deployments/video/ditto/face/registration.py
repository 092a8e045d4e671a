"""Enrolment: a photo becomes an avatar."""

from deployments.contracts import Image
from deployments.video.ditto.face.avatar import DittoAvatar
from deployments.video.ditto.face.finder import Finder
from deployments.video.ditto.face.settings import FaceSettings
from deployments.video.ditto.types import FaceNetworks


def register(
    photo: Image, networks: FaceNetworks, finder: Finder, canvas: tuple[int, int], settings: FaceSettings
) -> DittoAvatar:
    """The avatar of the photo's one face.

    `photo`: uint8 [h, w, 3] BGR, upright. `canvas`: (width, height) of the frames, both even. Raises BadInput with
    the reason where the photo cannot be used.
    """
    raise NotImplementedError
