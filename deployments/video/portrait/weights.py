"""From a pose to the weights of the displacement fields."""

import numpy as np

from deployments.contracts import Float32
from deployments.video.portrait.curves import smoothstep
from deployments.video.portrait.geometry import Geometry
from deployments.video.portrait.look import Look
from deployments.video.portrait.pose import Pose

CLOSED_BY_PRESS = (0.35, 0.85)
"""Pressing shuts the lips: between these values of `press` an opening is taken back to nothing."""


def aperture(pose: Pose, look: Look) -> float:
    """Opening of the lips over the mouth's width, after what shuts it.

    A line one pixel high that comes and goes is seen as flicker, so small openings are eased to nothing: o becomes
    o * smoothstep(o / aperture_soft), which still grows with o everywhere.
    """
    opening = max(0.0, float(pose.mouth[0]))
    press = float(pose.mouth[5])
    low, high = CLOSED_BY_PRESS
    opening *= 1 - float(smoothstep((press - low) / (high - low)))
    if look.aperture_soft > 0:
        opening *= float(smoothstep(opening / look.aperture_soft))
    return opening


def field_weights(pose: Pose, face: Geometry, look: Look) -> Float32:
    """float32 [FACE_FIELDS + HEAD_FIELDS]: frame pixels, or the unit the field's own text names."""
    _, wide, pucker, up, low, press, tuck, _ = (float(value) for value in pose.mouth)
    opening = aperture(pose, look)
    parted = float(smoothstep(opening / max(look.aperture_soft, 0.02)))
    smile = max(0.0, face.smile)
    relax = smile * (0.30 * pose.speaking + look.unsmile * 0.50 * pucker + 0.25 * min(1.0, opening / 0.25))
    full_width = 2 * face.half_mouth
    face_width = 2 * face.face_half
    return np.array(
        [
            opening * full_width,
            wide - 0.10 * opening,
            pucker * 0.40,
            up * 0.30 * face.lip_upper * parted + tuck * 0.26 * face.lip_upper,
            low * 0.45 * face.lip_lower * parted,
            press * 0.35,
            tuck * 0.10,
            min(relax, 0.85 * smile),
            pose.speaking if face.is_open else 0.0,
            pose.brow * 0.035 * face.eye_span,
            pose.yaw,
            pose.pitch,
            pose.roll,
            pose.shift_x * face_width,
            pose.shift_y * face_width,
            pose.zoom,
            pose.breath * 0.0057 * face_width,
        ],
        np.float32,
    )
