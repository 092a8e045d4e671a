"""Light on the moving face: cheeks hollow as the jaw drops, folds deepen as the mouth widens.

Maps of relative brightness on a coarse grid, one for each movement, summed each frame by how far it has gone.
"""

import numpy as np

from deployments.contracts import Float32
from deployments.video.portrait.curves import bell, smoothstep
from deployments.video.portrait.geometry import Geometry
from deployments.video.portrait.pose import Pose

SHADED = ("open", "wide", "pucker", "press")


def shading_maps(face: Geometry, x_frame: Float32, y_frame: Float32) -> Float32:
    """float32 [SHADED, rows, columns]: change of brightness, relative, at one unit of the movement (for `open` an
    aperture of a third of the mouth's width). All vanish at the rectangle's edge by their formulas."""
    a, chin, nose = face.half_mouth, face.chin_depth, face.nose_gap
    x, y_face = face.to_face(x_frame, y_frame)
    y = y_face - (face.seam_upper(x) + face.seam_lower(x)) / 2
    t = np.abs(x) / np.float32(a)
    # The fold from the nose's wing past the corner of the mouth.
    fold_at = 0.95 + 0.42 * smoothstep((y + nose) / (nose + 0.35 * chin))
    along = smoothstep((y + 0.95 * nose) / (0.4 * nose)) * (1 - smoothstep((y - 0.15 * chin) / (0.45 * chin)))
    fold = bell(t - fold_at, 0.13) * along
    cheek_light = bell(t - fold_at - 0.30, 0.22) * along
    hollow = bell(t - 1.55, 0.38) * bell(y - 0.30 * chin, 0.45 * chin)
    groove = bell(t, 0.75, 4) * bell(y - 1.45 * face.lip_lower, 0.5 * face.lip_lower)
    boss = bell(t, 0.6) * bell(y - 0.72 * chin, 0.16 * chin)
    corner = bell(t - 1.02, 0.14) * bell(y, 0.16 * a)
    maps = {
        "open": -0.075 * hollow - 0.03 * fold,
        "wide": -0.11 * fold + 0.045 * cheek_light - 0.05 * corner,
        "pucker": -0.10 * corner + 0.035 * boss - 0.06 * groove + 0.03 * fold,
        "press": -0.06 * groove + 0.03 * boss - 0.06 * corner,
    }
    return np.stack([maps[name] for name in SHADED]).astype(np.float32)


def shading_amounts(pose: Pose, opening: float) -> Float32:
    """float32 [SHADED]. `opening`: of the lips, over the mouth's width."""
    _, wide, pucker, _, _, press, _, _ = (float(value) for value in pose.mouth)
    return np.array([min(opening / 0.33, 1.3), max(wide, 0.0) * 2.5, pucker, press], np.float32)
