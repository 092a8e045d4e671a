"""What Ditto's motion model is told of each frame."""

import numpy as np
import pytest

from deployments.video.ditto.motion.conditions import conditions, emotion_rows, to_and_fro
from deployments.video.ditto.motion.eyes import eye_ball, eye_open
from tests.ditto_golden import compare
from tests.ditto_weights import n, u
from tests.fakes.ditto_parts import fake_guide

pytestmark = pytest.mark.plain


def test_eyes_are_measured_as_published() -> None:
    points = u("lmk478", (1, 478, 3), 0, 1)
    assert compare("eye", "open", eye_open(points)) <= 1e-6
    assert compare("eye", "ball", eye_ball(points)) <= 1e-6
    assert eye_open(points).dtype == eye_ball(points).dtype == np.float32


def test_eyes_of_several_frames_are_each_their_own() -> None:
    points = u("lmk478:3", (3, 478, 3), 0, 1)
    assert np.allclose(eye_ball(points)[1:2], eye_ball(points[1:2]), atol=1e-6)
    assert np.allclose(eye_open(points)[1:2], eye_open(points[1:2]), atol=1e-6)


def test_an_emotion_is_a_softmax_over_eight_labels() -> None:
    rows = emotion_rows(4)
    assert rows.shape == (1, 8) and rows.dtype == np.float32
    assert rows[0, 4] == pytest.approx(0.99766, abs=1e-5)
    assert rows[0, 0] == pytest.approx(0.000335, abs=1e-6)


def test_emotions_mix_and_follow_each_other() -> None:
    mixed = emotion_rows([3, 6])
    assert mixed.shape == (1, 8) and mixed[0, 3] == mixed[0, 6] > 0.49
    assert np.array_equal(emotion_rows([[3], [5, 6]])[0], emotion_rows(3)[0])
    assert emotion_rows([[3], [5, 6]]).shape == (2, 8)
    given = u("emo", (600, 8), 0, 1)
    assert np.array_equal(emotion_rows(given), given)


@pytest.mark.parametrize("wrong", [8, -1, [], [[]], [9], u("emo", (3, 7), 0, 1)])
def test_what_is_no_emotion_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"[eE]motion"):
        emotion_rows(wrong)  # type: ignore[arg-type]


def test_rows_are_gone_through_to_and_fro() -> None:
    assert [to_and_fro(frame, 3) for frame in range(-2, 8)] == [0, 0, 0, 1, 2, 2, 1, 0, 0, 1]
    assert {to_and_fro(frame, 1) for frame in range(-2, 8)} == {0}


def test_a_condition_has_everything_in_its_place() -> None:
    guide, emotions = fake_guide("reference"), emotion_rows([[3], [4], [5]])
    features = n("features", (80, 1024)).astype(np.float16)
    told = conditions(features, -70, emotions, guide)
    assert told.shape == (80, 1103) and told.dtype == np.float32
    assert np.array_equal(told[:, :1024], features.astype(np.float32))
    for row, frame in ((0, -70), (70, 0), (71, 1), (74, 4), (79, 9)):
        assert np.array_equal(told[row, 1024:1032], emotions[max(frame, 0) % 3])
        assert np.array_equal(told[row, 1032:1034], guide.eye_open[to_and_fro(frame, 3)])
        assert np.array_equal(told[row, 1034:1040], guide.eye_ball[to_and_fro(frame, 3)])
        assert np.array_equal(told[row, 1040:], guide.points)
