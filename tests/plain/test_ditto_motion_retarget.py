"""Predicted motion led over to a photo's face, as the published implementation does it."""

from dataclasses import replace

import numpy as np
import pytest

from deployments.contracts import Float32
from deployments.video.ditto.motion.blinks import Blinks, published_script
from deployments.video.ditto.motion.character import Character, Guide
from deployments.video.ditto.motion.controls import Controls
from deployments.video.ditto.motion.keypoints import degrees, keypoints, rotation
from deployments.video.ditto.motion.plan import MotionPlan, plan_of
from deployments.video.ditto.motion.retarget import EYES, LIPS, Retarget
from deployments.video.ditto.motion.settings import MotionSettings
from deployments.video.ditto.types import Motion
from tests.ditto_golden import golden
from tests.ditto_weights import n

pytestmark = pytest.mark.plain

FRAMES = 25
BASE = replace(plan_of(MotionSettings()), controls=Controls())
SCRIPT = (*[0] * 3, *range(15), *[0] * 3, *range(15), *[0] * 4)
MODES: dict[str, MotionPlan] = {
    "image_default": BASE,
    "image_ch": replace(BASE, controls=Controls(delta_pitch=2.0), blinks=Blinks(script=SCRIPT)),
    "video": replace(BASE, keys={"exp": 1.0}, drive_eye=False),
    "absolute": replace(BASE, relative=False),
}


def motion(tag: str, points: bool = True) -> Motion:
    """x_info(tag) of the reference data."""
    pitch, yaw, roll = (n(tag + name, (1, 66)) for name in ("pitch", "yaw", "roll"))
    tenth = np.float32(0.1)
    scale, t, exp = 1 + tenth * n(tag + "scale", (1, 1)), tenth * n(tag + "t", (1, 3)), n(tag + "exp", (1, 63))
    kp = np.float32(0.3) * n(tag + "kp", (1, 63)) if points else None
    return Motion(scale, pitch, yaw, roll, t, np.float32(0.05) * exp, kp)


def source_motion() -> Motion:
    return motion("s:")


def character(mode: str) -> Character:
    eyes = np.zeros((1, 2), np.float32), np.zeros((1, 6), np.float32)
    if mode != "image_ch":
        return Character(source_motion(), *eyes)
    reference = motion("ch:")
    assert reference.kp is not None
    guide = Guide(reference, reference.kp[0], *eyes)
    return Character(source_motion(), *eyes, guide, np.float32(0.02) * n("dea", (15, 63)))


def driven(plan: MotionPlan, who: Character) -> Float32:
    """float32 [25, 21, 3]"""
    vectors = np.concatenate([motion(f"d{frame}:", points=False).vectors() for frame in range(FRAMES)])
    retarget = Retarget(plan, who, vectors[[0, 0]])
    rows = [plan.blinks.row(frame, 15, -1) for frame in range(FRAMES)]
    return np.stack([retarget.driven(vectors[frame][None], frame, rows[frame]) for frame in range(FRAMES)])


@pytest.mark.parametrize("mode", MODES)
def test_driving_keypoints_are_the_published_ones(mode: str) -> None:
    found = driven(MODES[mode], character(mode))
    assert np.abs(found - golden("motion_stitch")[f"{mode}_xd"][:, 0]).max() <= 1e-6
    assert found.dtype == np.float32


@pytest.mark.parametrize("mode", MODES)
def test_source_keypoints_are_the_published_ones(mode: str) -> None:
    source = source_motion()
    parts = {key: getattr(source, key) for key in ("scale", "pitch", "yaw", "roll", "t", "exp", "kp")}
    assert np.abs(keypoints(parts) - golden("motion_stitch")[f"{mode}_xs"][0, 0]).max() <= 1e-6


def test_the_published_blink_script_is_the_reference_datas() -> None:
    assert published_script([3], 40, 15) == SCRIPT


def test_a_turn_is_pitch_then_yaw_then_roll() -> None:
    expected = [[0.813798, 0.469846, -0.342020], [-0.440970, 0.882564, 0.163176], [0.378522, 0.018028, 0.925417]]
    assert np.allclose(rotation(10, 20, 30), expected, atol=1e-6)
    assert np.array_equal(rotation(0, 0, 0), np.eye(3, dtype=np.float32))


def test_degrees_are_the_mean_of_bins_three_degrees_apart() -> None:
    sharp = np.zeros((2, 66), np.float32)
    sharp[0, 0] = sharp[1, 40] = 60
    assert np.allclose(degrees(sharp)[:, 0], [-97.5, 22.5], atol=1e-4)
    assert np.array_equal(degrees(np.array([[7.0]], np.float32)), [[7.0]])


def test_lips_and_eyes_are_eighteen_and_fifteen_dimensions() -> None:
    assert LIPS.sum() == 18 and EYES.sum() == 15 and not (LIPS * EYES).any()


def test_motion_is_kept_within_the_characters_bounds() -> None:
    bounds = np.stack([np.full(265, -0.1, np.float32), np.full(265, 0.2, np.float32)])
    who = replace(character("image_default"), bounds=bounds)
    vectors = who.clipped(motion("d0:", points=False).vectors())
    assert vectors.min() == np.float32(-0.1) and vectors.max() == np.float32(0.2)


def test_blinks_do_not_show_where_eyes_are_not_driven() -> None:
    who = character("image_ch")
    still = replace(MODES["image_ch"], drive_eye=False)
    assert np.array_equal(driven(still, who), driven(still, replace(who, blink=None)))
    assert not np.array_equal(driven(MODES["image_ch"], who), driven(still, who))
