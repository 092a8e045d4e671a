"""From a pose to a picture."""

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.video.portrait.background import background_plate
from deployments.video.portrait.crop import TEXTURE_SCALE
from deployments.video.portrait.eye_patches import eyes_of
from deployments.video.portrait.fields import FACE_FIELDS, face_fields
from deployments.video.portrait.folds import Folds
from deployments.video.portrait.geometry import measure
from deployments.video.portrait.grids import Grid, Inverter, combine
from deployments.video.portrait.head_fields import head_fields
from deployments.video.portrait.look import Look
from deployments.video.portrait.mouth_view import MouthView
from deployments.video.portrait.portrait import Portrait
from deployments.video.portrait.pose import Pose
from deployments.video.portrait.shading import shading_amounts
from deployments.video.portrait.tones import measure_tones
from deployments.video.portrait.weights import aperture, field_weights
from deployments.video.sampling import resized, sample

STEP = 4
"""Frame pixels between the points of the head's displacement grid."""
ROUNDS = 3
_HALF = np.float32((TEXTURE_SCALE - 1) / 2)
_MOUTH_FIELDS = slice(0, FACE_FIELDS.index("brow"))


class Renderer:
    """Draws one portrait. `render` depends on the portrait, the look and the pose, and on no call before it.
    One thread at a time."""

    def __init__(self, portrait: Portrait, look: Look | None = None) -> None:
        self._look = look or Look()
        self._face = measure(portrait.texture, portrait.points, portrait.frame_size)
        width, height = portrait.frame_size
        self._grid = Grid.over(0, 0, width, height, STEP)
        self._inverter = Inverter(self._grid, self._grid.places())
        self._basis = self._whole_basis()
        self._glasses = portrait.glasses
        tones = measure_tones(portrait.texture, self._face)
        self._eyes = eyes_of(portrait.texture, self._face, portrait.glasses, tones)
        self._folds = Folds(portrait.texture, self._face)
        self._mouth = MouthView(portrait.texture, self._face, tones, self._look)
        matte = portrait.matte
        self._plate = background_plate(portrait.photo(), matte)
        alpha = resized(matte, (width * TEXTURE_SCALE, height * TEXTURE_SCALE))
        # Written over in part by every call, always in the same places: the patches of eyes and folds.
        self._texture = np.dstack([portrait.texture, alpha])

    def _whole_basis(self) -> Float32:
        """All fields on the frame's grid, float32 [fields, points * 2]; each point sees its own side of the seam."""
        face, grid = self._face, self._grid
        _, down = face.to_face(grid.x, grid.y)
        along = face.to_face(grid.x, grid.y)[0]
        below = down > (face.seam_upper(along) + face.seam_lower(along)) / 2
        upper, lower = (face_fields(face, grid.x, grid.y, side) for side in (True, False))
        both = np.where(below[None, ..., None], lower, upper)
        fields = np.concatenate([both, head_fields(face, grid.x, grid.y)])
        return np.ascontiguousarray(fields.reshape(len(fields), -1))

    def render(self, pose: Pose) -> Image:
        """The frame: uint8 [h, w, 3] BGR."""
        face, look = self._face, self._look
        weights = field_weights(pose, face, look)
        blink = pose.blink * (look.glasses_blink if self._glasses else 1.0)
        relaxed = float(weights[FACE_FIELDS.index("relax")])
        self._folds.apply(self._texture, relaxed / 0.25)
        for eye in self._eyes:
            self._texture[(*eye.area, slice(0, 3))] = eye.patch(blink, pose.gaze_x, pose.gaze_y, look.gaze)
        field = combine(weights, self._basis).reshape((*self._grid.x.shape, 2))
        sources = self._inverter(field, ROUNDS) * np.float32(TEXTURE_SCALE) + _HALF
        layered = sample(self._texture, self._grid.enlarged(sources))
        frame = self._over_background(layered)
        if np.abs(weights[_MOUTH_FIELDS]).max() > 1e-3:
            opening = aperture(pose, look)
            shade = shading_amounts(pose, opening)
            self._mouth.draw(frame, self._texture, weights, shade, pose)
        return frame

    def _over_background(self, layered: Image) -> Image:
        """The person, uint8 [h, w, 4] with coverage, before the still background."""
        person = np.asarray(cv2.cvtColor(layered, cv2.COLOR_BGRA2BGR), np.uint8)
        cover = np.asarray(cv2.cvtColor(cv2.extractChannel(layered, 3), cv2.COLOR_GRAY2BGR), np.uint8)
        front = cv2.multiply(person, cover, scale=1 / 255)
        # Taken off and put on by the same rounded product, so that a person who has not moved is the photo exactly.
        behind = cv2.subtract(self._plate, cv2.multiply(self._plate, cover, scale=1 / 255))
        return np.asarray(cv2.add(front, behind), np.uint8)
