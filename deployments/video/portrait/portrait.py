"""An enrolled photo: what is kept of it, as a value and as bytes."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32, Image
from deployments.errors import EngineFailed
from deployments.video.faces import find_face
from deployments.video.faces.indices import POINTS
from deployments.video.portrait.crop import TEXTURE_SCALE, crop
from deployments.video.portrait.glasses import wears_glasses
from deployments.video.portrait.matte import person_matte

FORMAT = 1
"""Version of the blob. A blob of another version is refused: enrol the photo again."""


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """All that is kept of a photo. `texture`: uint8 [2h, 2w, 3] BGR, the crop at twice the frame's resolution.
    `points`: float32 [478, 3] in frame pixels. `matte`: uint8 [h, w], how much of each pixel moves with the
    person. `glasses`: whether the person wears some.
    """

    texture: Image
    points: Float32
    matte: npt.NDArray[np.uint8]
    glasses: bool

    @property
    def frame_size(self) -> tuple[int, int]:
        """(width, height) of the frames, in pixels."""
        return self.texture.shape[1] // TEXTURE_SCALE, self.texture.shape[0] // TEXTURE_SCALE

    def photo(self) -> Image:
        """The cropped photo at the frame's size: uint8 [h, w, 3] BGR. What the pose REST shows."""
        return cv2.resize(self.texture, self.frame_size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)

    def to_bytes(self) -> bytes:
        """The portrait as an npz without pickles, its pictures as lossless PNG inside."""
        buffer = io.BytesIO()
        np.savez(
            buffer,
            format=np.int32(FORMAT),
            texture=_png(self.texture),
            points=self.points,
            matte=_png(self.matte),
            glasses=np.bool_(self.glasses),
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, blob: bytes) -> "Portrait":
        """Raises EngineFailed for a blob that is damaged or of another version."""
        try:
            with np.load(io.BytesIO(blob), allow_pickle=False) as stored:
                version = int(stored["format"])
                texture = _picture(stored["texture"], cv2.IMREAD_COLOR)
                points = np.asarray(stored["points"], np.float32)
                matte = _picture(stored["matte"], cv2.IMREAD_GRAYSCALE)
                glasses = bool(stored["glasses"])
        # A damaged file makes numpy and zipfile raise a dozen types, tokenizer errors among them.
        except Exception as error:
            raise EngineFailed("The stored avatar is damaged. Enrol the photo again.") from error
        if version != FORMAT:
            raise EngineFailed(f"The stored avatar has format {version}, not {FORMAT}. Enrol the photo again.")
        portrait = cls(texture, points, matte, glasses)
        width, height = portrait.frame_size
        if points.shape != (POINTS, 3) or not np.isfinite(points).all() or matte.shape != (height, width):
            raise EngineFailed("The stored avatar is damaged. Enrol the photo again.")
        return portrait


def prepare(image: Image, frame_size: tuple[int, int] = (384, 578), threads: int = 1) -> Portrait:
    """Enrols a photo: uint8 [h, w, 3] BGR, upright. Raises BadInput with the reason where it cannot be used."""
    face = find_face(image, threads)
    texture, points = crop(image, face.points, frame_size)
    matte = person_matte(texture, points, frame_size)
    return Portrait(texture, points, matte, wears_glasses(texture, points, frame_size))


def _png(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise EngineFailed("The avatar could not be packed.")
    return data.astype(np.uint8, copy=False)


def _picture(data: npt.NDArray[np.uint8], flags: int) -> npt.NDArray[np.uint8]:
    picture = cv2.imdecode(data, flags)
    if picture is None:
        raise ValueError("not a picture")
    return picture.astype(np.uint8, copy=False)
