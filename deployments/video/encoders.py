"""Which encoder a stage gets: the card's where it has one, else libx264. Chosen by the settings, as data."""

import functools
import logging
from collections.abc import Sequence
from typing import Any, Protocol

from deployments.contracts import EncodedFrame
from deployments.errors import EngineFailed
from deployments.video.encoding import GroupEncoder
from deployments.video.encoding_settings import EncodingSettings
from deployments.video.nvenc import NvencEncoder

_log = logging.getLogger("ray.serve")


class Encoder(Protocol):
    """Pictures to H.264, a group at a time. One instance a thread."""

    @property
    def device_frames(self) -> bool:
        """Whether pictures are tensors on the card, and not arrays on the host."""
        ...

    def encode(self, pictures: Sequence[Any], first_index: int) -> list[EncodedFrame]:
        """As GroupEncoder says, or NvencEncoder: arrays, or tensors with `device_frames`."""
        ...


def open_encoder(frame_size: tuple[int, int], settings: EncodingSettings, device: int | None = None) -> Encoder:
    """The encoder that the settings name, of pictures of (width, height), both even.

    `device`: CUDA ordinal of the card that the pictures are made on, None where they are made on the CPU. Where `auto`
    finds no NVENC on it, or no way to hand over pictures there, that is logged once a process. Raises EngineFailed
    where `nvenc` is asked for by name and is not to be had.
    """
    if settings.encoder == "x264" or (settings.encoder == "auto" and device is None):
        return GroupEncoder(frame_size, settings)
    if device is not None:
        try:
            return NvencEncoder(frame_size, settings, device, device_frames=True)
        except EngineFailed as error:
            _say_once(f"NVENC does not take pictures on the card; they go through the host: {error}")
    try:
        return NvencEncoder(frame_size, settings, device or 0)
    except EngineFailed as error:
        if settings.encoder == "nvenc":
            raise
        _say_once(f"Video is encoded by libx264 on the CPU: {error}")
        return GroupEncoder(frame_size, settings)


@functools.cache
def _say_once(message: str) -> None:
    _log.warning("%s", message)
