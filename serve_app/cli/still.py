"""One picture out of a talking video: a frame with the mouth open."""

import io
from pathlib import Path

import av
import cv2
import numpy as np

from deployments.contracts import FRAMES_PER_SECOND, Float32, Image
from deployments.errors import EngineFailed


def save_still(film: bytes, path: Path) -> Path:
    """Writes the frame with the loudest sound, as PNG. Raises EngineFailed where the film cannot be decoded."""
    try:
        loudness = _loudness(film)
        picture = _frame(film, int(np.argmax(loudness)) if len(loudness) else 0)
    except av.error.FFmpegError as error:
        raise EngineFailed(f"The video that was made cannot be decoded: {error}") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix, picture)
    if not done:
        raise EngineFailed(f"{path} could not be written as a picture.")
    path.write_bytes(data.tobytes())
    return path


def _loudness(film: bytes) -> Float32:
    """Root mean square of the sound during each frame."""
    with av.open(io.BytesIO(film), "r") as container:
        stream = container.streams.audio[0]
        pieces = [frame.to_ndarray().mean(axis=0) for frame in container.decode(stream)]
        per_frame = stream.rate // FRAMES_PER_SECOND
    samples = np.concatenate(pieces) if pieces else np.zeros(0)
    whole = samples[: len(samples) // per_frame * per_frame].reshape(-1, per_frame)
    return np.asarray(np.sqrt(np.square(whole).mean(axis=1)), np.float32)


def _frame(film: bytes, index: int) -> Image:
    picture: Image | None = None
    with av.open(io.BytesIO(film), "r") as container:
        for number, frame in enumerate(container.decode(video=0)):
            picture = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
            if number == index:
                break
    if picture is None:
        raise EngineFailed("The video that was made holds no picture.")
    return picture
