"""Lids that come down: painted over the eyeball, since what shuts in a blink was folded away in the photo."""

from dataclasses import dataclass

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.video.portrait.crop import TEXTURE_SCALE
from deployments.video.portrait.curves import bell, smoothstep
from deployments.video.portrait.eye_shape import EyeShape
from deployments.video.portrait.tones import Tones
from deployments.video.sampling import blurred

SHUT = 0.93
"""Share of the opening that the upper lid covers in a full blink; the lower lid comes up for the rest."""


@dataclass(frozen=True, slots=True)
class LidSkin:
    """`colours`: float32 [h, w, 3], 0..255, over the eye's patch. `level`: brightness of the lid over them, which is
    deeper in its socket. `reddening`: float32 [3], see Tones."""

    colours: Float32
    level: float
    reddening: Float32


def paint_lid(texture: Image, s: EyeShape, skin: LidSkin, closing: float) -> tuple[Image, Image]:
    """What a blink at this stage (0..1) paints over the eyeball: the paint, and what share (0..255) of the eye stays.

    The lid that comes down was folded away in the photo. It is painted in the colours of the skin above and below
    the eye (only below, under glasses, whose rims are above), a little vaulted, with a line of lashes at its edge.
    """
    opening = s.opening
    widest = max(float(opening.max()), 1e-3)
    margin = s.upper + opening * np.float32(closing * SHUT)
    lash_height = 0.28 * s.span * float(smoothstep(closing * 1.5))
    height = np.clip((s.v - (s.upper - lash_height)) / np.maximum(margin - s.upper + lash_height, 0.5), 0, 1)
    bulge = 0.05 * np.sin(np.pi * np.clip(height * 1.1 - 0.1, 0, 1)) - 0.07 * smoothstep((height - 0.75) / 0.25)
    vault = np.asarray(skin.level + bulge, np.float32)
    crease = bell(s.v - s.upper + 0.09 * s.span, 0.045 * s.span + 0.25) * (opening > 0.1 * widest)
    lid = skin.colours * vault[..., None] ** skin.reddening * (1 - 0.10 * closing * crease[..., None])
    lid = np.asarray(_with_lashes(lid, texture, s, margin, closing), np.float32)
    # The lower lid comes up a little.
    from_below = s.v + 0.12 * opening * closing * bell(s.v - s.lower, 0.5 * widest)
    below = s.moved(texture, s.u, from_below.astype(np.float32))
    within = smoothstep((0.54 * s.span - np.abs(s.u)) / (0.20 * s.span)) * smoothstep(opening / (0.25 * widest))
    top = smoothstep((s.v - (s.upper - lash_height)) / (0.20 * s.span + 0.3))
    lashes_below = 0.035 * s.span * smoothstep(closing * 3)
    covered = smoothstep((margin + lashes_below + 0.6 - s.v) / 1.2) * top * within
    raised = smoothstep(s.v - (s.lower - 0.12 * opening * closing) + 0.5) * (1 - covered) * within
    fade = np.clip(_from_border(s.place) / 4, 0, 1)
    covered, raised = np.asarray(covered * fade), np.asarray(raised * fade)
    paint = lid * covered[..., None] + below * raised[..., None]
    keep = np.repeat((1 - covered - raised)[..., None], 3, 2)
    return np.clip(paint + 0.5, 0, 255).astype(np.uint8), np.clip(keep * 255 + 0.5, 0, 255).astype(np.uint8)


def lid_skin(texture: Image, s: EyeShape, glasses: bool, tones: Tones) -> LidSkin:
    """Skin without lashes or folds, mixed from what is above the eye and what is below."""
    above = np.float32(0.12 if glasses else 0.55)
    widest = float(s.opening.max())
    whole = texture.copy()
    soft = np.asarray(cv2.medianBlur(texture[s.top : s.bottom, s.left : s.right].copy(), 5), np.uint8)
    whole[s.top : s.bottom, s.left : s.right] = blurred(soft, 0.06 * s.span * TEXTURE_SCALE)
    over = s.moved(whole, s.u, s.upper - np.float32(0.30 * s.span))
    under = s.moved(whole, s.u, s.lower + np.float32(0.16 * s.span + 0.12 * widest))
    mixed = (over * above + under * (1 - above)).astype(np.float32)
    return LidSkin(
        colours=blurred(mixed, 0.05 * s.span * TEXTURE_SCALE),
        level=1 - (0.07 if glasses else 0.10) * tones.headroom,
        reddening=2 * tones.reddening - 1,
    )


def _with_lashes(lid: Float32, texture: Image, s: EyeShape, margin: Float32, closing: float) -> Float32:
    """The lid with its line of lashes, in the darkest colour around the eye."""
    patch = texture[s.top : s.bottom, s.left : s.right].reshape(-1, 3).astype(np.float32)
    light = patch.sum(1)
    ink = np.median(patch[light <= np.percentile(light, 4)], 0)
    along = np.clip(1 - (np.abs(s.u) / (0.53 * s.span)) ** 4, 0, 1)
    thickness = 0.038 * s.span + 0.30
    line = bell(s.v - margin - 0.010 * s.span, thickness) * along * smoothstep(closing * 3) * np.float32(0.82)
    return np.asarray(lid * (1 - line[..., None]) + ink * line[..., None], np.float32)


def _from_border(place: Float32) -> Float32:
    """Distance to the nearest side of the patch, frame pixels."""
    x, y = place[..., 0], place[..., 1]
    return np.asarray(np.minimum.reduce([x - x.min(), x.max() - x, y - y.min(), y.max() - y]), np.float32)
