"""An enrolled face in the terms of the motion model, and what the published configuration adds to it."""

import logging

from pydantic import ValidationError

from deployments.contracts import Float32
from deployments.video.ditto.config_pickle import PublishedConfig
from deployments.video.ditto.face.avatar import DittoAvatar
from deployments.video.ditto.motion.character import Character
from deployments.video.ditto.motion.eyes import eye_ball, eye_open
from deployments.video.ditto.motion.keypoints import keypoints
from deployments.video.ditto.motion.settings import MotionSettings, from_published
from deployments.video.ditto.types import Motion

_KEYPOINT_PARTS = ("scale", "pitch", "yaw", "roll", "t", "exp", "kp")

_log = logging.getLogger("ray.serve")


def character_of(avatar: DittoAvatar, published: PublishedConfig) -> Character:
    """Whom the motion is made for."""
    mesh = avatar.mesh[None]
    return Character(
        avatar.motion, eye_open(mesh), eye_ball(mesh), published.reference, published.blink, published.bounds
    )


def source_points(motion: Motion) -> Float32:
    """float32 [21, 3], the photo's own keypoints x_s, of one row of motion with `kp` (spec 3.1)."""
    return keypoints({name: getattr(motion, name)[:1] for name in _KEYPOINT_PARTS})


def completed(settings: MotionSettings, published: PublishedConfig) -> MotionSettings:
    """The settings, and what they leave open as the published file has it: its values go before our defaults, as they
    do in the published pipeline. A file for the other mode says nothing of this one."""
    values = from_published(published.values)
    if values.pop("mode", settings.mode) != settings.mode:
        return settings
    chosen = settings.model_dump(exclude_unset=True)
    try:
        return MotionSettings.model_validate(values | chosen)
    except ValidationError as error:
        _log.warning("The published configuration does not fit these settings and is left aside: %s", error)
        return settings
