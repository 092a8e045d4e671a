"""From a pose to a picture."""

import cv2
import numpy as np

from deployments.contracts import Image
from deployments.video.faces.indices import LOWER_SEAM, MOUTH_LEFT, MOUTH_RIGHT, UPPER_SEAM
from deployments.video.portrait.look import Look
from deployments.video.portrait.portrait import Portrait
from deployments.video.portrait.pose import Pose


class Renderer:
    """Draws one portrait. `render` depends on the portrait, the look and the pose, and on no call before it.
    One thread at a time."""

    def __init__(self, portrait: Portrait, look: Look | None = None) -> None:
        self._portrait = portrait
        self._look = look or Look()
        self._photo = portrait.photo()

    def render(self, pose: Pose) -> Image:
        """The frame: uint8 [h, w, 3] BGR."""
        frame = self._photo.copy()
        aperture = float(pose.mouth[0])
        if aperture > 0:
            flat = self._portrait.points[:, :2]
            width = float(np.linalg.norm(flat[MOUTH_LEFT] - flat[MOUTH_RIGHT]))
            centre = flat[np.r_[UPPER_SEAM, LOWER_SEAM]].mean(0)
            axes = (int(width * 0.4), max(1, int(width * aperture / 2)))
            cv2.ellipse(frame, (int(centre[0]), int(centre[1])), axes, 0, 0, 360, (25, 25, 60), -1, cv2.LINE_AA)
        return frame
