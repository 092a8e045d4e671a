"""Control of Ditto's motion: turns, expressions, muting, fading, gaze."""

from dataclasses import replace

import numpy as np
import pytest

from deployments.contracts import Float32
from deployments.video.ditto.motion.controls import Controls, Fades, changed, faded, muted
from deployments.video.ditto.motion.gaze import steadied
from deployments.video.ditto.motion.keypoints import degrees
from deployments.video.ditto.motion.retarget import Retarget
from deployments.video.ditto.motion.settings import ControlSettings
from tests.plain.test_ditto_motion_retarget import BASE, character, driven, motion

pytestmark = pytest.mark.plain


def _parts(tag: str) -> dict[str, Float32]:
    found = motion(tag)
    return {key: getattr(found, key) for key in ("scale", "pitch", "yaw", "roll", "t", "exp", "kp")}


def test_angles_are_turned_then_multiplied_in_degrees() -> None:
    parts = _parts("x:")
    found = changed(parts, Controls(delta_yaw=5.0, alpha_yaw=2.0))
    assert np.allclose(found["yaw"], 2 * (degrees(parts["yaw"]) + 5), atol=1e-5)
    assert np.array_equal(found["pitch"], parts["pitch"])


def test_a_multiplied_angle_is_taken_in_degrees_by_itself() -> None:
    assert Controls.of(ControlSettings(alpha_roll=0.5)).delta_roll == 0.0
    # the published way multiplies the logits then
    logits = changed(_parts("x:"), Controls(alpha_roll=0.5))["roll"]
    assert logits.shape == (1, 66)


def test_the_expression_is_added_to() -> None:
    parts = _parts("x:")
    knobs = Controls.of(ControlSettings(delta_exp=tuple(range(63))))
    assert np.allclose(changed(parts, knobs)["exp"] - parts["exp"], np.arange(63)[None], atol=1e-5)


def test_muting_leads_the_expression_to_the_photos() -> None:
    parts, source = _parts("x:"), _parts("s:")
    assert np.array_equal(muted(parts, source, 1.0)["exp"], parts["exp"])
    assert np.array_equal(muted(parts, source, 0.0)["exp"], source["exp"])
    assert np.allclose(muted(parts, source, 0.25)["exp"], 0.25 * parts["exp"] + 0.75 * source["exp"], atol=1e-7)


def test_fading_mixes_the_named_parts_and_degrees_where_one_side_has_them() -> None:
    parts, source = _parts("x:"), _parts("s:")
    found = faded(parts, source, 0.0, ("exp", "t"))
    assert np.array_equal(found["exp"], source["exp"]) and np.array_equal(found["t"], source["t"])
    assert np.array_equal(found["yaw"], parts["yaw"])
    turned = changed(parts, Controls(delta_yaw=1.0))
    half = faded(turned, source, 0.5, ("yaw",))["yaw"]
    assert np.allclose(half, (turned["yaw"] + degrees(source["yaw"])) / 2, atol=1e-4)


def test_a_frames_own_controls_go_before_the_others() -> None:
    merged = Controls(delta_pitch=1.0).before(Controls(delta_pitch=2.0, delta_yaw=3.0))
    assert (merged.delta_pitch, merged.delta_yaw) == (1.0, 3.0)
    plan = replace(BASE, controls=Controls(delta_yaw=3.0), frame_controls={4: Controls(delta_yaw=10.0)})
    usual, own = driven(replace(plan, frame_controls={}), character("video")), driven(plan, character("video"))
    changed_frames = np.flatnonzero((usual != own).any(axis=(1, 2)))
    assert changed_frames.tolist() == [4]


def test_fades_run_in_from_nothing_and_out_to_nothing() -> None:
    fades = Fades("s", fade_in=4, fade_out=3)
    assert [fades.alpha(frame, None, 0) for frame in range(6)] == [0.0, 0.25, 0.5, 0.75, None, None]
    assert [fades.alpha(frame, 10, 0) for frame in range(5, 10)] == pytest.approx([None, 1.0, 2 / 3, 1 / 3, 0.0])


def test_a_fade_out_spares_frames_that_did_not_wait_for_the_end() -> None:
    fades = Fades("s", fade_out=6)
    assert [fades.alpha(frame, 10, 6) for frame in range(4, 10)] == pytest.approx([None, None, 1, 2 / 3, 1 / 3, 0])
    assert fades.alpha(9, 10, 9) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["s", "d0"])
def test_a_faded_frame_has_the_photos_or_the_first_frames_expression(kind: str) -> None:
    who = replace(character("video"))
    plan = replace(BASE, drive_eye=False, relative=False, keys={"exp": 1.0}, fades=Fades(kind))
    origin, vector = motion("d0:", points=False).vectors(), motion("d9:", points=False).vectors()
    retarget = Retarget(plan, who, np.concatenate([origin, origin]))
    out = retarget.driven(vector, 9, 0, 0.0)
    goal = retarget.driven(origin if kind == "d0" else who.source.vectors(), 0, 0)
    assert np.allclose(out, goal, atol=1e-6)
    assert not np.allclose(retarget.driven(vector, 9, 0, 1.0), goal, atol=1e-3)


def test_without_a_fade_type_nothing_fades() -> None:
    who, plan = character("video"), replace(BASE, fades=Fades(""))
    origin = motion("d0:", points=False).vectors()
    retarget = Retarget(plan, who, origin[[0, 0]])
    vector = motion("d9:", points=False).vectors()
    assert np.array_equal(retarget.driven(vector, 9, 0, 0.0), retarget.driven(vector, 9, 0))


def test_a_frame_may_be_faded_by_its_own_control() -> None:
    who = character("video")
    plan = replace(BASE, fades=Fades("s"), frame_controls={9: Controls(fade_alpha=0.0)})
    origin = motion("d0:", points=False).vectors()
    retarget = Retarget(plan, who, origin[[0, 0]])
    vector = motion("d9:", points=False).vectors()
    assert np.array_equal(retarget.driven(vector, 9, 0), retarget.driven(vector, 9, 0, 1.0))
    assert not np.array_equal(retarget.driven(vector, 9, 0), retarget.driven(vector, 8, 0))


def test_eyes_turn_against_the_head() -> None:
    source = _parts("s:")
    parts = dict(source)
    for angle, more in (("yaw", 10.0), ("pitch", 5.0)):
        parts[angle] = degrees(source[angle]) + np.float32(more)
    moved = steadied(parts, source)["exp"] - parts["exp"]
    expected = np.zeros(63)
    expected[33], expected[45] = 10 * 0.26 * 0.0007, 10 * 0.26 * 0.001
    expected[34] = expected[46] = -5 * 0.28 * 0.001
    assert np.allclose(moved[0], expected, atol=1e-6)
    parts["yaw"] = degrees(source["yaw"]) - np.float32(10)
    moved = steadied(parts, source)["exp"] - parts["exp"]
    assert np.allclose(moved[0, [33, 45]], [-10 * 0.26 * 0.001, -10 * 0.26 * 0.0007], atol=1e-6)
