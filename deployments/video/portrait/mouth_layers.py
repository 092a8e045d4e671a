"""What is seen between the lips: cavity, tongue and teeth, painted once a photo as layers that move on their own.

A layer is float32 [h, w, 4], BGR times coverage, and coverage, 0..1. The upper teeth stay with the skull, the lower
teeth and the tongue go with the jaw. In a photo that shows teeth, the upper teeth are the photo's own.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.video.portrait.curves import Numbers, smoothstep
from deployments.video.portrait.geometry import Geometry
from deployments.video.portrait.look import Look
from deployments.video.portrait.tones import Tones
from deployments.video.sampling import blurred, luminance, resized, sample

UPPER_WIDTHS = (0.215, 0.165, 0.175, 0.145, 0.14, 0.12)
"""Widths of the upper teeth from the middle outwards over half the mouth's width, as seen from the front."""
LOWER_WIDTHS = (0.130, 0.140, 0.155, 0.140, 0.12)
UPPER_EDGE = 0.115
"""How far the upper front teeth reach below the seam, over half the mouth's width."""
LOWER_EDGE = 0.20


@dataclass(frozen=True, slots=True)
class MouthLayers:
    """float32 layers over one rectangle of the frame; `cavity` has three channels and covers all of it;
    `photo`: the photo itself, [h, w, 3]. `lining`: float32 [3], the colour of the lips' inner side.
    `reddening`: float32 [3], see Tones."""

    cavity: Float32
    tongue: Float32
    lower_teeth: Float32
    upper_teeth: Float32
    photo: Float32
    lining: Float32
    reddening: Float32


@dataclass(frozen=True, slots=True)
class _Arch:
    """A row of teeth over |t|: `scallop` 0 at a tooth's middle to 1 at its side; `line`: 1 between two teeth;
    `shade`: brightness of each tooth; `drop`: how much longer or shorter it is, over half the mouth's width."""

    scallop: Float32
    line: Float32
    shade: Float32
    drop: Float32


def _arch(t: Float32, widths: tuple[float, ...], variety: float, generator: np.random.Generator) -> _Arch:
    """Teeth of one jaw, each photo's own: widths, lengths and brightness vary a little from tooth to tooth."""
    scallop, line, shade, drop = (np.zeros_like(t) for _ in range(4))
    shade += 1
    for side in (-1, 1):
        sizes = np.array(widths) * (1 + variety * 0.05 * generator.standard_normal(len(widths)))
        bounds = np.r_[0, np.cumsum(sizes)]
        for index, size in enumerate(sizes):
            offset = (side * t - (bounds[index] + bounds[index + 1]) / 2) / (size / 2)
            within = np.abs(offset) <= 1
            scallop = np.where(within, np.abs(offset) ** 3, scallop)
            lateral = 0.014 if index == 1 else 0.0
            jitter = variety * generator.standard_normal(2)
            drop = np.where(within, -lateral + 0.005 * jitter[0], drop)
            shade = np.where(within, 1 + 0.02 * jitter[1] - (0.05 if index == 2 else 0.0), shade)
            line = np.maximum(line, np.exp(-(((side * t - bounds[index + 1]) / 0.016) ** 2)))
    line = np.maximum(line, np.exp(-((t / 0.014) ** 2)))
    return _Arch(*(np.asarray(part, np.float32) for part in (scallop, line, shade, drop)))


def _side_light(t: Float32, tones: Tones) -> Float32:
    """The scene's light from one side, and the mouth's own dark to its corners."""
    return np.asarray(1 + 1.2 * tones.slope * np.clip(t, -1, 1), np.float32)


def _painted(colour: Numbers, light: Numbers, cover: Numbers) -> Float32:
    return np.dstack([colour[None, None] * (light * cover)[..., None], cover]).astype(np.float32)


def _upper_teeth(
    face: Geometry, tones: Tones, look: Look, t: Float32, below: Float32, generator: np.random.Generator
) -> Float32:
    """`below`: how far under the seam, frame pixels."""
    a = face.half_mouth
    arch = _arch(t, UPPER_WIDTHS, look.teeth_variety, generator)
    # A smile lifts the lip off them.
    reach = UPPER_EDGE + 0.30 * float(np.clip(face.smile, 0, 0.2))
    edge = a * (reach - 0.065 * t**2 - 0.018 * arch.scallop + arch.drop)
    height = edge - below
    cover = smoothstep((height + 0.5) / 1.2) * smoothstep((0.60 * a - height) / (0.10 * a))
    cover = cover * smoothstep((0.95 - np.abs(t)) / 0.14)
    light = np.clip(1 - 0.70 * np.abs(t) ** 1.8, 0.05, 1) * _side_light(t, tones) * arch.shade
    # The edge is a little translucent and darker, the body brightest a third of the way up.
    light = light * (1 - 0.13 * arch.line) * (0.86 + 0.14 * smoothstep(height / (0.16 * a)))
    light = light * (1 - 0.10 * smoothstep((height - 0.22 * a) / (0.3 * a)))
    return _painted(tones.tooth * np.float32(look.teeth_brightness), light, cover)


def _lower_teeth(
    face: Geometry, tones: Tones, look: Look, t: Float32, below: Float32, generator: np.random.Generator
) -> Float32:
    a = face.half_mouth
    arch = _arch(t, LOWER_WIDTHS, look.teeth_variety, generator)
    edge = a * (LOWER_EDGE - 0.05 * t**2 + 0.012 * arch.scallop - arch.drop)
    depth = below - edge
    cover = smoothstep((depth + 0.5) / 1.2) * smoothstep((0.40 * a - depth) / (0.15 * a))
    cover = cover * smoothstep((0.64 - np.abs(t)) / 0.14)
    light = np.clip(1 - 0.9 * np.abs(t) ** 1.6, 0.05, 1) * (1 - 0.14 * arch.line) * arch.shade * _side_light(t, tones)
    return _painted(tones.tooth * np.float32(0.66 * look.teeth_brightness), light, cover)


def _tongue(face: Geometry, tones: Tones, x: Float32, below: Float32) -> Float32:
    a = face.half_mouth
    depth = (below - 0.52 * a) / (0.44 * a)
    cover = smoothstep((1.10 - (x / (0.78 * a)) ** 2 - depth**2) / 0.55)
    # Brightest on the hump behind the lower teeth, dark towards the throat, with a shallow groove along the middle.
    hump = np.exp(-(((depth + 0.15) / 0.62) ** 2)) * np.exp(-((x / (0.60 * a)) ** 2))
    light = 0.40 + 0.66 * hump - 0.10 * np.exp(-((x / (0.09 * a)) ** 2)) * hump
    return _painted(tones.tongue, np.asarray(light, np.float32) * _side_light(x / a, tones), cover)


def _photo_teeth(face: Geometry, inside: Float32, photo: Float32) -> Float32:
    """The teeth that the photo shows, grown up behind the upper lip so that there are some when it rises."""
    light = luminance(photo)
    chosen = inside > 0
    reference = max(float(np.percentile(light[chosen], 80)), 1e-3)
    high, low = photo.max(-1), photo.min(-1)
    saturation = (high - low) / np.maximum(high, 1e-3)
    tooth = smoothstep((light / reference - 0.45) / 0.25) * smoothstep((0.60 - saturation) / 0.15) * inside
    tooth = np.asarray(cv2.morphologyEx(tooth, cv2.MORPH_CLOSE, np.ones((3, 5), np.uint8)), np.float32)
    colour = photo.copy()
    for column in np.flatnonzero(chosen.sum(0) >= 2):
        rows = np.flatnonzero(chosen[:, column])
        first = min(rows[0] + 2, rows[-1])
        colour[:first, column] = colour[first, column]
        tooth[:first, column] = tooth[first, column]
    cover = blurred(tooth, 0.8)
    return np.dstack([colour * cover[..., None], cover]).astype(np.float32)


def paint(texture: Image, face: Geometry, tones: Tones, look: Look, x_frame: Float32, y_frame: Float32) -> MouthLayers:
    """The layers at the given frame pixels (a full-resolution rectangle around the mouth)."""
    a = face.half_mouth
    x, y = face.to_face(x_frame, y_frame)
    t = np.clip(x / a, -1.3, 1.3).astype(np.float32)
    if face.is_open:
        line = face.seam_upper(x)
    else:
        # Teeth follow the lips' line, but are straighter than it.
        seam = (face.seam_upper_points + face.seam_lower_points) / 2
        line = np.polyval(np.polyfit(seam[:, 0], seam[:, 1], 2), np.clip(x, -1.2 * a, 1.2 * a)).astype(np.float32)
    below = y - line
    generator = np.random.default_rng(tones.seed)
    frame = resized(texture, face.frame_size, cv2.INTER_AREA)
    photo = sample(frame, np.dstack([x_frame, y_frame]), cv2.INTER_LINEAR).astype(np.float32) / np.float32(255)
    painted_upper = _upper_teeth(face, tones, look, t, below, generator)
    if face.is_open:
        inside = ((y - face.seam_upper(x) > 0.5) & (face.seam_lower(x) - y > 0.5)).astype(np.float32)
        painted_upper = _photo_teeth(face, inside, photo)
        # Lower teeth stand behind the lower lip's edge wherever the photo has that.
        below_lower = y - face.seam_lower(x) + np.float32(0.5 * LOWER_EDGE * a)
    else:
        below_lower = below
    behind = below - (0.35 * (face.seam_lower(x) - face.seam_upper(x)) if face.is_open else np.float32(0))
    lower = _lower_teeth(face, tones, look, t, below_lower, generator)
    depth = smoothstep(np.clip(below / (0.9 * a), 0, 1)) * np.clip(1 - 0.5 * np.abs(t), 0.3, 1)
    red = tones.dark + (tones.tongue - tones.dark) * np.float32(0.42)
    cavity = tones.dark + (red - tones.dark) * depth[..., None]
    soft = max(0.55, 0.014 * a)
    return MouthLayers(
        cavity=cavity.astype(np.float32),
        tongue=blurred(_tongue(face, tones, x, behind), 2.5 * soft),
        lower_teeth=blurred(lower, 1.2 * soft),
        upper_teeth=blurred(painted_upper, soft),
        photo=photo,
        lining=tones.lining,
        reddening=tones.reddening,
    )
