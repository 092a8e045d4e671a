"""The light in the photo: what white, red and dark look like there, so that what is painted in belongs to it."""

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32, Image
from deployments.video.faces import indices as at
from deployments.video.portrait.curves import smoothstep
from deployments.video.portrait.geometry import Geometry
from deployments.video.sampling import gray, luminance, resized

SATURATION_USUAL = 0.30
"""Median HSV saturation of skin in an ordinary colour photo; below a third of it the photo counts as greyish."""


@dataclass(frozen=True, slots=True)
class Tones:
    """Colours are float32 [3] BGR, 0..1. `bright`: skin's highlights, 0..1. `chroma`: 0 in a black-and-white photo, 1
    in a colour one. `slope`: how much brighter the face gets from the picture's left to right, over half the mouth's
    width, relative. `seed`: differs from photo to photo."""

    bright: float
    skin: Float32
    tooth: Float32
    tongue: Float32
    dark: Float32
    lining: Float32
    chroma: float
    slope: float
    seed: int

    @property
    def reddening(self) -> Float32:
        """float32 [3]: powers of a shade's brightness for blue, green and red. Flesh in shade is redder, not greyer,
        for the light there has been through flesh; but not in a black-and-white photo."""
        return np.array([1, 1, 1], np.float32) + np.float32(self.chroma) * np.array([0.25, 0.15, -0.15], np.float32)

    @property
    def headroom(self) -> float:
        """How much shading the skin can take, 1 or less: in an overexposed photo it would show as grey stains."""
        return 1 - 0.8 * float(smoothstep((self.bright - 0.88) / 0.10))


def _mask(frame: Image, polygon: Float32) -> npt.NDArray[np.bool_]:
    mask = np.zeros(frame.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(polygon).astype(np.int32)], 255)
    return np.asarray(mask > 0, np.bool_)


def _eye_white(frame: Image, face: Geometry) -> Float32 | None:
    """The brighter part of the sclera: the scene's white as a moist, shaded thing near the mouth shows it."""
    flat = face.points[:, :2]
    found = []
    for upper, lower, iris in (
        (at.RIGHT_UPPER_LID, at.RIGHT_LOWER_LID, at.RIGHT_IRIS),
        (at.LEFT_UPPER_LID, at.LEFT_LOWER_LID, at.LEFT_IRIS),
    ):
        opening = _mask(frame, np.vstack([flat[upper], flat[lower][::-1]]))
        rim = flat[iris]
        radius = float(np.linalg.norm(rim[1:] - rim[0], axis=1).mean()) * 1.15
        rows, columns = np.nonzero(opening)
        outside = np.hypot(columns - rim[0, 0], rows - rim[0, 1]) > radius
        found.append(frame[rows[outside], columns[outside]])
    colours = np.concatenate(found).astype(np.float32) / np.float32(255)
    if len(colours) < 12:
        return None
    light = luminance(np.asarray(colours, np.float32))
    return np.asarray(np.median(colours[light >= np.percentile(light, 75)], 0), np.float32)


def measure_tones(texture: Image, face: Geometry) -> Tones:
    """Reads the photo's light from skin and eyes. texture: uint8 [2h, 2w, 3]."""
    frame = resized(texture, face.frame_size, cv2.INTER_AREA)
    flat = face.points[:, :2]
    inside = _mask(frame, flat[at.FACE_OVAL] * 0.85 + flat[at.NOSE_TIP] * 0.15)
    colours = frame[inside].astype(np.float32) / np.float32(255)
    skin = np.asarray(np.median(colours, 0), np.float32)
    bright = float(np.percentile(luminance(colours), 85))
    hsv = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2HSV))
    chroma = float(np.clip(np.median(hsv[inside][:, 1]) / 255 / SATURATION_USUAL, 0, 1))

    def tinted(colour: tuple[float, float, float], share: float, level: float) -> Float32:
        """A colour under the scene's light: `share` of the skin's cast, as much colour as the photo has."""
        base = np.array(colour, np.float32)
        cast = skin / max(float(skin.mean()), 1e-3)
        base = np.asarray(base * (1 - share + share * cast), np.float32)
        grey = luminance(np.asarray(base, np.float32))
        return np.asarray(np.clip((grey + chroma * (base - grey)) * level, 0, 1), np.float32)

    white = _eye_white(frame, face)
    level = float(np.clip(bright * 1.02, 0.22, 0.94))
    # Behind tinted lenses or in deep sockets there is no white to learn from.
    if white is not None and float(luminance(white)) > 0.8 * bright:
        level = float(np.clip(0.5 * level + 0.525 * float(luminance(white)), 0.22, 0.94))
    dim = float(np.clip(bright, 0.30, 1.0))
    return Tones(
        bright=bright,
        skin=skin,
        tooth=tinted((0.90, 0.96, 0.99), 0.42, level),
        tongue=tinted((0.34, 0.36, 0.66), 0.5, 0.86 * dim),
        dark=tinted((0.060, 0.060, 0.125), 0.5, dim),
        lining=_lips(frame, face) * np.array([0.44, 0.44, 0.54], np.float32),
        chroma=chroma,
        slope=_light_slope(frame, face),
        seed=zlib.crc32(texture.tobytes()),
    )


def _lips(frame: Image, face: Geometry) -> Float32:
    """Median colour of the lower lip."""
    flat = face.points[:, :2]
    inside = _mask(frame, np.vstack([flat[at.LOWER_OUTER], flat[at.LOWER_SEAM][::-1]]))
    if not inside.any():
        return np.full(3, 0.4, np.float32)
    return np.asarray(np.median(frame[inside].astype(np.float32) / 255, 0), np.float32)


def _light_slope(frame: Image, face: Geometry) -> float:
    """Relative change of brightness across half a mouth's width, from the cheeks beside the mouth."""
    light = gray(frame)
    flat = face.points[:, :2]

    def around(indices: list[int]) -> float:
        x, y = flat[indices].mean(0)
        r = max(2, int(0.25 * face.half_mouth))
        x, y = int(np.clip(x, r, light.shape[1] - r - 1)), int(np.clip(y, r, light.shape[0] - r - 1))
        return float(np.median(light[y - r : y + r + 1, x - r : x + r + 1]))

    right, left = around([205, 206, 207]), around([425, 426, 427])
    apart = float(np.linalg.norm(flat[205] - flat[425])) / face.half_mouth
    return float(np.clip((left - right) / max(left + right, 0.05) * 2 / apart, -0.3, 0.3))
