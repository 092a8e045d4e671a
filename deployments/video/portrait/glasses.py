"""Whether the person wears glasses: eyes then blink less, and a blink leaves the frames where they are."""

import numpy as np

from deployments.contracts import Float32, Image
from deployments.video.faces import indices as at
from deployments.video.sampling import blurred, gray, resized, sample

BRIDGE_MIN = 0.10
"""Strength from which a bar across the nose counts as the bridge of glasses."""


def bridge_strength(texture: Image, points: Float32, frame_size: tuple[int, int]) -> float:
    """Contrast of a bar that crosses the nose between the eyes, over the skin's brightness there.

    Brightness is averaged along the line of the eyes, which leaves what runs across the nose, and read down the nose.
    """
    light = gray(resized(texture, frame_size))
    flat = points[:, :2]
    inner_right, inner_left = flat[at.RIGHT_EYE_INNER], flat[at.LEFT_EYE_INNER]
    across = (inner_left - inner_right).astype(np.float32)
    down = np.array([-across[1], across[0]], np.float32)
    middle = (inner_right + inner_left) / 2
    light = blurred(light, max(0.5, 0.02 * float(np.linalg.norm(across))))
    sideways = np.linspace(-0.22, 0.22, 11, dtype=np.float32)
    along = np.linspace(-0.75, 0.75, 61, dtype=np.float32)
    where = middle + along[:, None, None] * down + sideways[None, :, None] * across
    profile = sample(light, where.astype(np.float32)).mean(1)
    trend = np.convolve(np.pad(profile, 10, mode="edge"), np.ones(21, np.float32) / 21, "valid")
    return float(np.abs(profile - trend).max() / max(float(np.median(profile)), 0.05))


def wears_glasses(texture: Image, points: Float32, frame_size: tuple[int, int]) -> bool:
    """texture: uint8 [2h, 2w, 3]; points in frame pixels."""
    return bridge_strength(texture, points, frame_size) > BRIDGE_MIN
