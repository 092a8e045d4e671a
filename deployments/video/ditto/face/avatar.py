"""An enrolled face: all that Ditto keeps of a photo, as a value and as bytes."""

import io
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32, Image
from deployments.errors import EngineFailed
from deployments.video.ditto.types import Motion
from deployments.video.faces.indices import POINTS as MESH_POINTS
from deployments.video.sampling import resized

FORMAT = 1
"""Version of the blob. A blob of another version is refused: enrol the photo again."""
CROP_PIXELS = 512
"""Side of the crop that G's full-size picture fills; crop coordinates run over it whatever the networks' size."""
SOURCE_PIXELS = 256
"""Side of the picture that F and M see."""
LANDMARKS = 203
_MOTION = ("scale", "pitch", "yaw", "roll", "t", "exp", "kp")
_MOTION_WIDTHS = (1, 66, 66, 66, 3, 63, 63)


@dataclass(frozen=True, slots=True, eq=False)
class DittoAvatar:
    """`background`: uint8 [h, w, 3] BGR, the canvas the face is put into, both sides even. `placement`: float32
    [3, 3], from pixels of the 512 x 512 crop to pixels of the canvas (spec: M_c2o followed by the framing). `source`:
    uint8 [256, 256, 3] RGB, the crop as F and M see it. `motion`: what M read from it, one frame, with `kp`. `mesh`:
    float32 [478, 3] face mesh points over the crop's side (0..1 inside it), which openness of the eyes and gaze are
    measured on. `landmarks`: float32 [203, 2] in crop pixels.
    """

    background: Image
    placement: Float32
    source: Image
    motion: Motion
    mesh: Float32
    landmarks: Float32

    @property
    def canvas(self) -> tuple[int, int]:
        """(width, height) of the frames, in pixels."""
        return self.background.shape[1], self.background.shape[0]

    def picture(self, pixels: int = SOURCE_PIXELS) -> Float32:
        """The face as F (of any size) and M take it: float32 [1, 3, pixels, pixels] RGB in 0..1."""
        return as_picture(self.source, pixels)

    def to_bytes(self) -> bytes:
        """The avatar as an npz without pickles, its pictures as lossless PNG inside."""
        buffer = io.BytesIO()
        motion = {f"motion_{name}": getattr(self.motion, name) for name in _MOTION}
        np.savez(
            buffer,
            format=np.int32(FORMAT),
            background=_png(self.background),
            source=_png(self.source),
            placement=self.placement,
            mesh=self.mesh,
            landmarks=self.landmarks,
            **motion,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, blob: bytes) -> "DittoAvatar":
        """Raises EngineFailed for a blob that is damaged, of another version or of another engine."""
        try:
            with np.load(io.BytesIO(blob), allow_pickle=False) as stored:
                version = int(stored["format"])
                foreign = "placement" not in stored
                avatar = None if foreign or version != FORMAT else cls._read(dict(stored))
        # A damaged file makes numpy and zipfile raise a dozen types, tokenizer errors among them.
        except Exception as error:
            raise EngineFailed("The stored avatar is damaged. Enrol the photo again.") from error
        if foreign:
            raise EngineFailed("The stored avatar was made by another engine. Enrol the photo again.")
        if avatar is None:
            raise EngineFailed(f"The stored avatar has format {version}, not {FORMAT}. Enrol the photo again.")
        if not avatar.sound:
            raise EngineFailed("The stored avatar is damaged. Enrol the photo again.")
        return avatar

    @classmethod
    def _read(cls, stored: dict[str, npt.NDArray[np.generic]]) -> "DittoAvatar":
        def numbers(name: str) -> Float32:
            return np.asarray(stored[name], np.float32)

        return cls(
            background=_picture(stored["background"]),
            placement=numbers("placement"),
            source=_picture(stored["source"]),
            motion=Motion(*(numbers(f"motion_{name}") for name in _MOTION)),
            mesh=numbers("mesh"),
            landmarks=numbers("landmarks"),
        )

    @property
    def sound(self) -> bool:
        """Whether all has its shape, and the placement can be turned round."""
        arrays = [self.placement, self.mesh, self.landmarks, *(getattr(self.motion, name) for name in _MOTION)]
        shapes = [(3, 3), (MESH_POINTS, 3), (LANDMARKS, 2), *((1, width) for width in _MOTION_WIDTHS)]
        shaped = [array.shape for array in arrays] == shapes and self.source.shape == (SOURCE_PIXELS, SOURCE_PIXELS, 3)
        even = not (self.canvas[0] % 2 or self.canvas[1] % 2)
        finite = all(np.isfinite(array).all() for array in arrays)
        return shaped and even and finite and abs(float(np.linalg.det(self.placement))) > 1e-9


def as_picture(source: Image, pixels: int) -> Float32:
    """float32 [1, 3, pixels, pixels] in 0..1 of uint8 [h, w, 3], shrunk by area (spec 3.3). Colours stay in order."""
    if source.shape[:2] != (pixels, pixels):
        source = resized(source, (pixels, pixels), cv2.INTER_AREA)
    return np.ascontiguousarray(source.transpose(2, 0, 1)[None], np.float32) / np.float32(255)


def _png(picture: Image) -> npt.NDArray[np.uint8]:
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise EngineFailed("The avatar could not be packed.")
    return data.astype(np.uint8, copy=False)


def _picture(data: npt.NDArray[np.generic]) -> Image:
    picture = cv2.imdecode(data.astype(np.uint8, copy=False), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError("not a picture")
    return picture.astype(np.uint8, copy=False)
