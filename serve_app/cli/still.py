"""One picture out of a talking video: a frame with the mouth open."""

import io
from pathlib import Path

import av
import av.error
import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.errors import EngineFailed

_SMALL_WIDTH = 96
"""Pixels across in which frames are compared."""


def save_still(film: bytes, path: Path) -> Path:
    """Writes the frame with the mouth farthest open. Raises EngineFailed where the film cannot be
    decoded."""
    pictures = _pictures(film)
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix, pictures[speaking_frame(pictures)])
    if not done:
        raise EngineFailed(f"{path} could not be written as a picture.")
    path.write_bytes(data.tobytes())
    return path


def speaking_frame(pictures: list[Image]) -> int:
    """The index of the frame with the mouth farthest open.

    From one frame to the next nothing in a talking portrait changes as much and as often as mouth and chin: the head
    moves slowly. At both ends of a film the mouth is shut. So the frame is sought that differs most from the ends,
    where it changes most.
    """
    small = np.stack([_small(picture) for picture in pictures])
    if len(small) < 3:
        return 0
    change = np.square(np.abs(np.diff(small, axis=0)).mean(axis=0))
    shut = (small[0] + small[-1]) / 2
    return int(np.argmax((change * np.abs(small - shut)).sum(axis=(1, 2))))


def _small(picture: Image) -> Float32:
    height = max(1, round(picture.shape[0] * _SMALL_WIDTH / picture.shape[1]))
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(grey, (_SMALL_WIDTH, height), interpolation=cv2.INTER_AREA), np.float32)


def _pictures(film: bytes) -> list[Image]:
    try:
        with av.open(io.BytesIO(film), "r") as container:
            found = [np.asarray(frame.to_ndarray(format="bgr24"), np.uint8) for frame in container.decode(video=0)]
    except av.error.FFmpegError as error:
        raise EngineFailed(f"The video that was made cannot be decoded: {error}") from error
    if not found:
        raise EngineFailed("The video that was made holds no picture.")
    return found
