"""Each knob of Ditto's motion changes what comes out, or is refused with what is allowed."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from deployments.contracts import Float32
from deployments.video.ditto.motion.plan import MotionPlan, plan_of
from deployments.video.ditto.motion.settings import ControlSettings, MotionSettings, from_published
from deployments.video.ditto.motion.stage import Diffuse, Hear, MotionState, motion_steps
from tests.ditto_weights import n, u
from tests.fakes.ditto_parts import FakeDiffuser, FakeHearer, answered, fake_character

pytestmark = pytest.mark.plain

SOUND = u("knobs", (16_000 * 4,), -0.5, 0.5)
WHO = fake_character()
USUAL: dict[str, Any] = {"fade_type": "s", "delta_eye_open_n": 20}


def _frames(plan: MotionPlan) -> tuple[Float32, list[Hear | Diffuse]]:
    frames, asked = answered(motion_steps(MotionState(3), SOUND, True, plan, WHO), FakeHearer(), FakeDiffuser())
    assert len(frames) == 100
    return np.stack([frame.keypoints for frame in frames]), asked


def _of(**knobs: Any) -> Float32:
    return _frames(plan_of(MotionSettings(**USUAL | knobs)))[0]


KNOBS: dict[str, list[Any]] = {
    "mode": ["offline"],
    "overlap": [75],
    "steps": [25],
    "emotion": ["happy", ("happy", "sad"), (("happy",), ("sad", "fear"))],
    "fix_kp_cond": [0, 3],
    "fix_kp_cond_dims": [(0, 265), None],
    "smo_k_d": [1],
    "relative_d": [False],
    "use_d_keys": [{"exp": 1.0}, {"exp": 1.0, "pitch": 0.3, "yaw": 1.0, "roll": 1.0, "t": 1.0}, ["exp", "t"]],
    "drive_eye": [False],
    "delta_eye_open_n": [-1, 0, 30, (20, 40)],
    "fade_in": [5],
    "fade_out": [5],
    "controls": [{}, {"delta_pitch": 5.0}],
    "frame_controls": [{7: {"vad_alpha": 0.0}}],
}
"""What is tried beside the usual. Knobs that need another one, and those of the stitching, have tests of their own."""


@pytest.fixture(scope="module")
def usual() -> Float32:
    return _of()


@pytest.mark.parametrize("knob", KNOBS)
def test_every_knob_shows(knob: str, usual: Float32) -> None:
    found = [_of(**{knob: value}) for value in KNOBS[knob]]
    for index, one in enumerate(found):
        assert not np.array_equal(one, usual), KNOBS[knob][index]
        assert not any(np.array_equal(one, other) for other in found[:index]), KNOBS[knob][index]


@pytest.mark.parametrize("knob", [key for key in ControlSettings.model_fields if key != "delta_exp"])
def test_every_control_shows(knob: str) -> None:
    low, high = (_of(controls={knob: value}) for value in (0.25, 0.75))
    assert not np.array_equal(low, high)


def test_the_expression_can_be_added_to() -> None:
    added = _of(controls={"delta_exp": [0.01] * 63})
    assert not np.array_equal(added, _of(controls={}))


def test_fades_go_where_they_are_told_and_fade_what_they_are_told() -> None:
    found = [
        _of(fade_in=10, fade_type=kind, fade_out_keys=keys)
        for kind, keys in (("s", ("exp",)), ("d0", ("exp",)), ("", ("exp",)), ("s", ("exp", "yaw")))
    ]
    assert all(not np.array_equal(one, other) for at, one in enumerate(found) for other in found[:at])
    assert np.array_equal(found[2], _of(fade_type=""))


def test_all_knobs_are_tried() -> None:
    elsewhere = {"fade_type", "fade_out_keys", "flag_stitching"}
    assert set(KNOBS) | elsewhere == set(MotionSettings.model_fields)
    assert all(field.description for field in MotionSettings.model_fields.values())
    assert all(field.description for field in ControlSettings.model_fields.values())


def test_stitching_can_be_left_out() -> None:
    assert plan_of(MotionSettings()).stitching
    assert not plan_of(MotionSettings(flag_stitching=False)).stitching


def test_steps_are_the_noise_that_is_asked_with() -> None:
    for steps in (10, 25, 50):
        _, asked = _frames(plan_of(MotionSettings(steps=steps)))
        windows = [request for request in asked if isinstance(request, Diffuse)]
        assert {request.noise.shape for request in windows} == {(steps, 80, 265)}
        assert {request.conditions.shape for request in windows} == {(80, 1103)}


def test_the_usual_of_each_mode_is_the_published_one() -> None:
    online, offline = plan_of(MotionSettings()), plan_of(MotionSettings(mode="offline"))
    assert (online.overlap, online.steps, online.reset_windows, online.reset_kept) == (70, 10, 1, (0, 202))
    assert (offline.overlap, offline.steps, offline.reset_windows) == (10, 50, 0)
    assert online.controls.delta_pitch == 2.0 and online.fades.kind == "d0" and online.smoothing == 3


def test_the_published_emotions_are_used_where_none_is_named() -> None:
    given = u("emo", (600, 8), 0, 1)
    assert plan_of(MotionSettings(), given).emotions is given
    assert plan_of(MotionSettings(emotion="angry"), given).emotions[0].argmax() == 0
    assert plan_of(MotionSettings()).emotions[0].argmax() == 4


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"nonsense": 1}, "Extra inputs"),
        ({"controls": {"delta_jaw": 1}}, "Extra inputs"),
        ({"overlap": 10}, "overlap is 70 or 75 in online mode"),
        ({"mode": "offline", "overlap": 70}, "overlap is 10 in offline mode"),
        ({"overlap": 72}, "10, 70 or 75"),
        ({"steps": 12}, "10, 25 or 50"),
        ({"emotion": "bored"}, "'angry', 'disgust'"),
        ({"emotion": []}, "at least one emotion"),
        ({"emotion": [[]]}, "at least one emotion"),
        ({"delta_eye_open_n": -2}, "-1, 0, a number of frames"),
        ({"delta_eye_open_n": []}, "-1, 0, a number of frames"),
        ({"delta_eye_open_n": [10, -1]}, "-1, 0, a number of frames"),
        ({"overlap": 75, "fade_out": 8}, "at most 7 frames with overlap 75"),
        ({"fade_out": 13}, "less than or equal to 12"),
        ({"fix_kp_cond_dims": [202, 300]}, "within 0 and 265"),
        ({"controls": {"delta_exp": [0.0]}}, "63 numbers"),
        ({"controls": {"vad_alpha": 1.5}}, "less than or equal to 1"),
        ({"frame_controls": {-1: {}}}, "from 0 on"),
        ({"use_d_keys": {"kp": 1.0}}, "'exp', 'pitch'"),
        ({"smo_k_d": 5}, "1 or 3"),
    ],
)
def test_what_is_not_allowed_is_refused_with_what_is(knobs: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said.replace("[", r"\[")):
        MotionSettings(**knobs)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        MotionSettings().fade_in = 3  # type: ignore[misc]


def test_the_published_configuration_is_read() -> None:
    published = {
        "online_mode": True,
        "overlap_v2": 70,
        "fix_kp_cond": 1,
        "fix_kp_cond_dim": [0, 202],
        "sampling_timesteps": 10,
        "smo_k_d": 3,
        "N_d": -1,
        "use_d_keys": None,
        "relative_d": True,
        "drive_eye": None,
        "delta_eye_open_n": 0,
        "fade_type": "d0",
        "fade_out_keys": ["exp"],
        "flag_stitching": True,
        "overall_ctrl_info": {"delta_pitch": 2},
        "emo": n("emo", (600, 8)),
        "crop_scale": 2.3,
    }
    assert MotionSettings(**from_published(published)) == MotionSettings(overlap=70, steps=10, fix_kp_cond=1)
    other = {"use_d_keys": ("exp",), "online_mode": False, "overlap_v2": 10, "fix_kp_cond_dim": None}
    changed = MotionSettings(**from_published(published | other))
    assert changed.mode == "offline" and changed.use_d_keys == {"exp": 1.0} and changed.fix_kp_cond_dims is None
