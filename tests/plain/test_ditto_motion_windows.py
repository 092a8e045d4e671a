"""Windows of predicted motion made one, as the published implementation joins them."""

from dataclasses import replace

import numpy as np
import pytest

from deployments.contracts import Float32
from deployments.video.ditto.motion.plan import MotionPlan, plan_of
from deployments.video.ditto.motion.settings import MotionSettings
from deployments.video.ditto.motion.windows import fused, smoothed, start_vector
from tests.ditto_golden import golden
from tests.ditto_weights import n
from tests.plain.test_ditto_motion_retarget import source_motion

pytestmark = pytest.mark.plain

PLANS = {
    "online70": plan_of(MotionSettings(overlap=70)),
    "online75": plan_of(MotionSettings(overlap=75)),
    "offline10": plan_of(MotionSettings(mode="offline")),
}


def _joined(plan: MotionPlan, source: Float32) -> tuple[Float32, list[Float32]]:
    """Four windows: the whole motion, and what each window started from."""
    whole = np.zeros((0, 265), np.float32)
    tail = anchors = np.zeros((0, 265), np.float32)
    firsts = []
    for window in range(4):
        firsts.append(start_vector(plan, window, anchors, source))
        made = fused(plan, window, tail, anchors, n(f"pred{window + 1}", (1, 80, 265))[0])
        tail, anchors = made.tail, made.anchors
        whole = np.concatenate([whole[: made.start], made.rows])
    return whole, firsts


@pytest.mark.parametrize("name", PLANS)
def test_windows_join_as_published_bit_for_bit(name: str) -> None:
    whole, firsts = _joined(PLANS[name], source_motion().vectors()[0])
    stored = golden("audio2motion")
    assert np.array_equal(whole, stored[f"{name}_res"][0])
    # scale - 1 is not exactly what it was before 1 was added to it
    assert np.abs(np.stack(firsts) - stored[f"{name}_kpcond"]).max() <= 1e-7


def test_the_motion_may_start_from_the_photo_every_other_window() -> None:
    plan = replace(PLANS["online70"], reset_windows=2, reset_kept=None)
    source = n("source", (265,))
    anchors = n("anchors", (7, 265))
    assert np.array_equal(start_vector(plan, 0, anchors, source), source)
    assert np.array_equal(start_vector(plan, 1, anchors, source), anchors[0])
    assert np.array_equal(start_vector(plan, 2, anchors, source), source)
    kept = start_vector(replace(plan, reset_kept=(0, 202)), 2, anchors, source)
    assert np.array_equal(kept, np.concatenate([anchors[0][:202], source[202:]]))


def test_smoothing_spares_the_expression_and_what_lies_outside() -> None:
    rows = n("rows", (9, 265))
    found = smoothed(rows, 2, 9, 3)
    assert np.array_equal(found[:, 202:], rows[:, 202:])
    assert np.array_equal(found[:2], rows[:2])
    assert np.allclose(found[4, :202], rows[3:6, :202].mean(0), atol=1e-6)
    assert np.allclose(found[8, :202], rows[7:, :202].mean(0), atol=1e-6)
    assert np.array_equal(smoothed(rows, 0, 9, 1), rows)


@pytest.mark.parametrize(("name", "overlap"), [("online70", 10), ("online75", 78), ("offline10", 70)])
def test_windows_overlap_as_was_published_or_not_at_all(name: str, overlap: int) -> None:
    with pytest.raises(ValueError, match=f"not by {overlap}"):
        replace(PLANS[name], overlap=overlap)
