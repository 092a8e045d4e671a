"""Enrolment: a photo becomes an avatar."""

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.errors import BadInput, EngineFailed
from deployments.video.ditto.face.avatar import CROP_PIXELS, SOURCE_PIXELS, DittoAvatar, as_picture
from deployments.video.ditto.face.crop import Crop, cut, moved, place
from deployments.video.ditto.face.finder import Finder
from deployments.video.ditto.face.framing import EDGE_BLUR, Reach, extended, frame, limited, show
from deployments.video.ditto.face.settings import FaceSettings
from deployments.video.ditto.types import FaceNetworks
from deployments.video.faces.indices import (
    LEFT_IRIS,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    RIGHT_IRIS,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
)
from deployments.video.sampling import resized

_RIGHT_RIM = np.unique(np.concatenate([RIGHT_UPPER_LID, RIGHT_LOWER_LID]))
_LEFT_RIM = np.unique(np.concatenate([LEFT_UPPER_LID, LEFT_LOWER_LID]))


def register(
    photo: Image, networks: FaceNetworks, finder: Finder, canvas: tuple[int, int], settings: FaceSettings
) -> DittoAvatar:
    """The avatar of the photo's one face.

    `photo`: uint8 [h, w, 3] BGR, upright. `canvas`: (width, height) of the frames, both even. Raises BadInput with
    the reason where the photo cannot be used, EngineFailed where the networks give no numbers.
    """
    if canvas[0] % 2 or canvas[1] % 2:
        raise BadInput(f"A canvas of {canvas[0]}x{canvas[1]} cannot be encoded: both sides must be even.")
    if min(photo.shape[:2]) < 2:
        raise BadInput("The photo is empty. Send a photo of one person looking at the camera.")
    photo = limited(photo, settings.photo_side_max)
    found = finder.find(photo)
    view = frame(found.mesh, (photo.shape[1], photo.shape[0]), canvas, settings)
    reach = _joined(view.reach(canvas), _reach(_crop(found.landmarks, settings)))
    photo, across, down = extended(photo, reach, EDGE_BLUR * canvas[0] * view.step)
    shift = np.array([across, down], np.float32)
    view, landmarks = view.moved(across, down), found.landmarks + shift
    crop = _crop(landmarks, settings)
    picture = np.ascontiguousarray(cut(photo, crop)[:, :, ::-1])
    source = resized(picture, (SOURCE_PIXELS, SOURCE_PIXELS), cv2.INTER_AREA)
    avatar = DittoAvatar(
        background=show(photo, view, canvas),
        placement=(view.to_canvas() @ crop.inverse).astype(np.float32),
        source=source,
        motion=networks.motion(as_picture(source, SOURCE_PIXELS)),
        mesh=_over_crop(found.mesh, shift, crop),
        landmarks=moved(landmarks, crop.matrix),
    )
    if not avatar.sound:
        raise EngineFailed("The motion network gave no usable numbers for this photo. Check its weights.")
    return avatar


def _crop(landmarks: Float32, settings: FaceSettings) -> Crop:
    return place(landmarks, CROP_PIXELS, settings.crop_scale, settings.crop_rise, settings.crop_upright)


def _reach(crop: Crop) -> Reach:
    """What of the photo a crop shows."""
    side = crop.pixels
    corners = moved(np.array([[0, 0], [side, 0], [0, side], [side, side]], np.float32), crop.inverse)
    low, high = corners.min(0), corners.max(0) + 1
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _joined(first: Reach, second: Reach) -> Reach:
    lows = [min(pair) for pair in zip(first[:2], second[:2], strict=True)]
    highs = [max(pair) for pair in zip(first[2:], second[2:], strict=True)]
    return lows[0], lows[1], highs[0], highs[1]


def _over_crop(mesh: Float32, shift: Float32, crop: Crop) -> Float32:
    """float32 [478, 3]: the mesh over the crop's side. Depth shrinks with the rest (spec 1.9: all by the crop's side).

    The published pipeline looks for the mesh again, in the crop; the one found in the photo is the mean of several
    looks at its full resolution. An iris lies as deep as the rim of its eye on average (MediaPipe's own rule), which
    the way it looks is measured by.
    """
    flat = moved(mesh[:, :2] + shift, crop.matrix) / np.float32(crop.pixels)
    found = np.column_stack([flat, mesh[:, 2] / np.float32(crop.side)]).astype(np.float32)
    for iris, lids in ((RIGHT_IRIS, _RIGHT_RIM), (LEFT_IRIS, _LEFT_RIM)):
        found[iris, 2] = found[lids, 2].mean()
    return found
