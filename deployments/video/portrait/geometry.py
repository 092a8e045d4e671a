"""Measures of one face, in frame pixels, and the axes in which the mouth's fields are written.

Face axes: origin midway between the inner mouth corners, x along the line of the eyes towards the picture's right,
y down the face. Names of lengths: `half_mouth` is half the mouth's inner width; `chin_depth` from the lower seam's
middle down to the chin; `nose_gap` from the upper seam's middle up to the nose's base; `lip_upper`, `lip_lower` the
lips' heights.
"""

from dataclasses import dataclass

import numpy as np

from deployments.contracts import Float32, Image
from deployments.video.faces import indices as at
from deployments.video.portrait.curves import Curve
from deployments.video.sampling import blurred, gray, resized, sample

OPEN_GAP = 0.09
"""Lips further apart than this share of the mouth's width at rest: a photo with an open mouth."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """See the module's text. `seam_upper`, `seam_lower`: the lips' inner edges, one and the same line in a photo with
    closed lips. `smile`: how far the corners stand above the lips' middle, over half the mouth's width."""

    frame_size: tuple[int, int]
    points: Float32
    rotation: Float32
    origin: Float32
    local: Float32
    half_mouth: float
    eye_span: float
    face_half: float
    cheek_right: float
    cheek_left: float
    chin_depth: float
    nose_gap: float
    lip_upper: float
    lip_lower: float
    is_open: bool
    smile: float
    seam_upper: Curve
    seam_lower: Curve
    seam_upper_points: Float32
    seam_lower_points: Float32

    def to_face(self, x: Float32, y: Float32) -> tuple[Float32, Float32]:
        """Frame pixels to face axes."""
        dx, dy = x - self.origin[0], y - self.origin[1]
        return self.rotation[0, 0] * dx + self.rotation[0, 1] * dy, self.rotation[1, 0] * dx + self.rotation[1, 1] * dy

    def to_frame(self, along: Float32, down: Float32) -> Float32:
        """Vectors in face axes to vectors in the frame, stacked on a last axis of two."""
        return np.stack(
            [
                self.rotation[0, 0] * along + self.rotation[1, 0] * down,
                self.rotation[0, 1] * along + self.rotation[1, 1] * down,
            ],
            -1,
        ).astype(np.float32)

    @property
    def down(self) -> Float32:
        """Unit vector down the face, in the frame."""
        return np.array([self.rotation[1, 0], self.rotation[1, 1]], np.float32)


def measure(texture: Image, points: Float32, frame_size: tuple[int, int]) -> Geometry:
    """texture: uint8 [2h, 2w, 3]; points: float32 [478, 3] in frame pixels."""
    flat = points[:, :2]
    eyes = flat[at.LEFT_EYE_OUTER] - flat[at.RIGHT_EYE_OUTER]
    angle = np.arctan2(eyes[1], eyes[0])
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation = np.array([[cosine, sine], [-sine, cosine]], np.float32)
    origin = ((flat[at.MOUTH_RIGHT] + flat[at.MOUTH_LEFT]) / 2).astype(np.float32)
    local = ((flat - origin) @ rotation.T).astype(np.float32)
    half_mouth = float(np.linalg.norm(flat[at.MOUTH_LEFT] - flat[at.MOUTH_RIGHT])) / 2
    is_open = bool(local[14, 1] - local[13, 1] > OPEN_GAP * 2 * half_mouth)
    upper, lower = local[at.UPPER_SEAM], local[at.LOWER_SEAM]
    if not is_open:
        upper = lower = _dark_seam(texture, (upper + lower) / 2, rotation, origin, half_mouth, frame_size)
    middle = float(upper[5, 1] + lower[5, 1]) / 2
    corners = float(local[at.MOUTH_RIGHT, 1] + local[at.MOUTH_LEFT, 1]) / 2
    return Geometry(
        frame_size=frame_size,
        points=points,
        rotation=rotation,
        origin=origin,
        local=local,
        half_mouth=half_mouth,
        eye_span=float(np.linalg.norm(eyes)),
        face_half=float(np.linalg.norm(flat[at.LEFT_CHEEK] - flat[at.RIGHT_CHEEK])) / 2,
        cheek_right=float(abs(local[[234, 132, 58], 0].min())),
        cheek_left=float(abs(local[[454, 361, 288], 0].max())),
        chin_depth=float(local[at.CHIN, 1] - lower[5, 1]),
        nose_gap=float(upper[5, 1] - local[at.NOSE_BASE, 1]),
        lip_upper=float(abs(local[0, 1] - local[13, 1])),
        lip_lower=float(abs(local[17, 1] - local[14, 1])),
        is_open=is_open,
        smile=(middle - corners) / half_mouth,
        seam_upper=Curve(upper[:, 0], upper[:, 1]),
        seam_lower=Curve(lower[:, 0], lower[:, 1]),
        seam_upper_points=upper,
        seam_lower_points=lower,
    )


def _dark_seam(
    texture: Image,
    seam: Float32,
    rotation: Float32,
    origin: Float32,
    half_mouth: float,
    frame_size: tuple[int, int],
) -> Float32:
    """The line between closed lips, moved from where the mesh puts it to the darkest place nearby.

    The mesh is a pixel or two off, and lips split beside their dark line show it: the line stays on one of them.
    """
    light = blurred(gray(resized(texture, frame_size)), max(0.6, 0.02 * half_mouth))
    reach = 0.11 * half_mouth
    steps = np.linspace(-reach, reach, 23, dtype=np.float32)
    places = seam[:, None, :] + np.stack([np.zeros_like(steps), steps], -1)[None]
    profile = sample(light, (places @ rotation + origin).astype(np.float32))
    # A little pull towards the mesh's place decides where the profile is flat.
    cost = profile / max(float(profile.mean()), 1e-3) + 0.10 * (steps / reach) ** 2
    weight = np.exp(-40 * (cost - cost.min(1, keepdims=True)))
    shift = (weight * steps).sum(1) / weight.sum(1)
    shift[[0, -1]] *= 0.5
    shift = np.convolve(np.pad(shift, 1, mode="edge"), [0.25, 0.5, 0.25], "valid")
    return np.stack([seam[:, 0], seam[:, 1] + shift], -1).astype(np.float32)
