"""Speech to driven keypoints in steps: the same frames whatever the split, those of the published whole-file way."""

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest

from deployments.contracts import Float32
from deployments.errors import BadInput, EngineFailed
from deployments.video.ditto.motion.audio import to_int16
from deployments.video.ditto.motion.conditions import conditions
from deployments.video.ditto.motion.controls import Fades
from deployments.video.ditto.motion.noise import window_noise
from deployments.video.ditto.motion.plan import MotionPlan, plan_of
from deployments.video.ditto.motion.retarget import Retarget
from deployments.video.ditto.motion.settings import MOST_FADE_OUT, MotionSettings
from deployments.video.ditto.motion.stage import Diffuse, DrivenFrame, Hear, MotionState, motion_steps
from deployments.video.ditto.motion.state import (
    MOST_ANCHORS,
    MOST_BYTES,
    MOST_FEATURES,
    MOST_ORIGIN,
    MOST_PCM,
    MOST_TAIL,
)
from deployments.video.grid import frames_in
from tests.ditto_weights import u
from tests.fakes.ditto_parts import FakeDiffuser, FakeHearer, answered, fake_character

pytestmark = pytest.mark.plain

PLANS = {
    "online70": plan_of(MotionSettings(overlap=70)),
    "online75": plan_of(MotionSettings(overlap=75)),
    "offline10": plan_of(MotionSettings(mode="offline", steps=10)),
}
WHO = fake_character()
SEED = 11


def _sound(samples: int) -> Float32:
    loud = np.sin(np.arange(samples) / 4000) ** 2
    found: Float32 = (u("speech", (samples,), -1, 1) * loud).astype(np.float32)
    return found


def _carried(state: MotionState) -> MotionState:
    """The state through nothing but integers, truth values, and arrays' bytes."""
    values: dict[str, object] = {}
    for item in fields(state):
        value = getattr(state, item.name)
        if isinstance(value, np.ndarray):
            values[item.name] = np.frombuffer(value.tobytes(), value.dtype).reshape(value.shape)
        else:
            assert type(value) in (int, bool)
            values[item.name] = value
    return MotionState(**values)  # type: ignore[arg-type]


def _steps(plan: MotionPlan, pieces: Sequence[Float32]) -> tuple[list[DrivenFrame], list[Hear | Diffuse]]:
    state = MotionState(SEED)
    frames: list[DrivenFrame] = []
    asked: list[Hear | Diffuse] = []
    for number, piece in enumerate(pieces):
        steps = motion_steps(state, piece, number == len(pieces) - 1, plan, WHO)
        more, requests = answered(steps, FakeHearer(), FakeDiffuser())
        frames += more
        asked += requests
        state = _carried(state)
    return frames, asked


def _points(frames: Sequence[DrivenFrame]) -> Float32:
    return np.stack([frame.keypoints for frame in frames])


def _same(one: Hear | Diffuse, other: Hear | Diffuse) -> bool:
    names = [item.name for item in fields(one)]
    return type(one) is type(other) and all(np.array_equal(getattr(one, key), getattr(other, key)) for key in names)


def _averaged(rows: Float32, first: int, end: int) -> Float32:
    found = rows.copy()
    for row in range(first, end):
        found[row, :202] = np.mean(rows[max(0, row - 1) : row + 2, :202], axis=0)
    return found


def _whole_file(plan: MotionPlan, sound: Float32) -> tuple[Float32, Float32]:
    """The published way with all the sound at hand: (d0 [265], motion [frames, 265])."""
    online = plan.mode == "online"
    frames, before = -(-len(sound) // 640), 1920 if online else 2000
    heard = np.concatenate([np.zeros(before), to_int16(sound) / np.float32(32767), np.zeros(9000)]).astype(np.float32)
    windows = [heard[at : at + 6480] for at in range(0, len(sound) + before if online else frames * 640, 3200)]
    hearer, diffuser = FakeHearer(), FakeDiffuser()
    rows = [hearer.features(window[None])[0][6:16].reshape(5, 2, 1024).mean(1) for window in windows]
    features = np.concatenate(rows)[: None if online else frames]
    if online:
        silence = hearer.features(np.zeros((1, 6480), np.float32))[0][6:16].reshape(5, 2, 1024).mean(1)
        features = np.concatenate([np.tile(silence, (plan.overlap // 5, 1)), features])
    features = features.astype(np.float16)
    source = WHO.guide.motion.vectors()[0]
    first, whole, start, valid, fuse = source, np.zeros((0, 265), np.float32), 0, plan.valid, plan.fuse
    least = 2 if online else 1
    while start < (len(features) if online else frames) or start // valid < least:
        piece = features[start : start + 80]
        piece = np.concatenate([piece, np.repeat(features[-1:], 80 - len(piece), axis=0)])
        told = conditions(piece, start - plan.lead, plan.emotions, WHO.guide)
        noise = window_noise(SEED, start // valid, plan.steps)[:, None]
        made = diffuser.sample(told[None], first[None], noise)[0]
        if not len(whole):
            whole = _averaged(made, 0, 80)
        else:
            share = (np.arange(fuse, dtype=np.float32) / fuse)[:, None]
            whole[-fuse:] = whole[-fuse:] * (1 - share) + made[80 - valid - fuse : 80 - valid] * share
            whole = np.concatenate([whole, made[80 - valid :]])
            whole = _averaged(whole, len(whole) - valid - fuse, len(whole) - valid + 1)
        first = whole[len(whole) - plan.overlap - 1]
        if online:
            first = np.concatenate([first[:202], source[202:]])
        start += valid
        if online and start + 80 - valid > len(features) and len(whole) > 80:
            break
    if online:
        return whole[0], whole[plan.lead : plan.lead + frames]
    whole = _averaged(whole[:frames], 0, frames)
    return whole[0], whole


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("samples", [1, 3201, 16_000 * 3 + 77, 16_000 * 7])
def test_frames_are_those_of_the_published_whole_file_way(name: str, samples: int) -> None:
    plan, sound = PLANS[name], _sound(samples)
    zero, motion = _whole_file(plan, sound)
    retarget = Retarget(plan, WHO, np.stack([zero, motion[0]]))
    expected = []
    number, start = -1, -1
    for frame, vector in enumerate(motion):
        number, start = plan.blinks.advance(SEED, frame, 15, number, start)
        expected.append(retarget.driven(vector[None], frame, plan.blinks.row(frame, 15, start)))
    frames, _ = _steps(plan, [sound])
    assert [frame.index for frame in frames] == list(range(-(-samples // 640)))
    assert np.array_equal(_points(frames), np.stack(expected))


def _splits(samples: int) -> dict[str, list[int]]:
    random = np.random.default_rng(4)
    return {
        "in two, all of it before the end is known": [samples],
        "random": sorted(random.integers(0, samples + 1, 17).tolist()),
        "with empty steps": [0, 0, 7000, 7000, 30_000, 30_000, samples, samples],
        "one sample at a time around the first window": [*range(14_150, 14_171), samples - 1],
        "a frame at a time": list(range(640, samples, 640)),
    }


@pytest.mark.parametrize("name", PLANS)
def test_any_split_gives_the_same_requests_and_frames(name: str) -> None:
    plan, samples = replace(PLANS[name], fades=Fades("s", fade_in=3, fade_out=7)), 16_000 * 5 + 123
    sound = _sound(samples)
    frames, asked = _steps(plan, [sound])
    assert len(frames) == 126
    for split, cuts in _splits(samples).items():
        others, others_asked = _steps(plan, np.split(sound, cuts))
        assert [frame.index for frame in others] == list(range(126)), split
        assert np.array_equal(_points(others), _points(frames)), split
        assert len(others_asked) == len(asked), split
        assert all(_same(one, other) for one, other in zip(asked, others_asked, strict=True)), split


def test_a_stream_of_single_samples_gives_the_same_frames() -> None:
    sound = _sound(1500)
    whole, _ = _steps(PLANS["online75"], [sound])
    single, _ = _steps(PLANS["online75"], np.split(sound, range(1, 1500)))
    assert np.array_equal(_points(whole), _points(single))


@pytest.mark.parametrize("name", PLANS)
def test_frames_come_out_with_the_very_sample_that_completes_them(name: str) -> None:
    plan, sound = PLANS[name], _sound(16_000 * 8)
    state, fed = MotionState(SEED), 0
    frames = (0, plan.valid - 2, plan.valid - 1, plan.valid, 2 * plan.valid - 2)
    for target in sorted({plan.samples_for(frame) + more for frame in frames for more in (-1, 0)}):
        answered(motion_steps(state, sound[fed:target], False, plan, WHO), FakeHearer(), FakeDiffuser())
        fed = target
        assert state.emitted == plan.frames_ready(target)
        for frame in frames:
            assert (frame < state.emitted) == (plan.samples_for(frame) <= target)
            assert plan.samples_for(frame) - (frame + 1) * 640 <= plan.lookahead_samples


def test_lookahead_is_as_published() -> None:
    ahead = {name: plan.lookahead_samples for name, plan in PLANS.items()}
    # 12 and 22 frames of sound and 80 samples before the first frame of a block, which is one of them
    assert ahead == {"online70": 21 * 640 + 80, "online75": 11 * 640 + 80, "offline10": 82 * 640}
    assert {name: plan.group_lookahead_samples(5) for name, plan in PLANS.items()} == {
        "online70": 17 * 640 + 80,
        "online75": 7 * 640 + 80,
        "offline10": 82 * 640,
    }


@pytest.mark.parametrize("name", PLANS)
def test_a_state_stays_small(name: str) -> None:
    plan, sound, state = PLANS[name], _sound(16_000 * 9), MotionState(SEED)
    most = dict.fromkeys(("pcm", "features", "tail", "anchors", "origin"), 0)
    largest = 0
    for piece in np.split(sound, range(639, len(sound), 639)):
        answered(motion_steps(state, piece, False, plan, WHO), FakeHearer(), FakeDiffuser())
        largest = max(largest, state.array_bytes)
        most = {key: max(value, len(getattr(state, key))) for key, value in most.items()}
    bounds = {
        "pcm": MOST_PCM,
        "features": MOST_FEATURES,
        "tail": MOST_TAIL,
        "anchors": MOST_ANCHORS,
        "origin": MOST_ORIGIN,
    }
    assert all(value <= bounds[key] for key, value in most.items()), most
    assert 170_000 < largest <= MOST_BYTES < 230_000
    kinds = [str(getattr(state, key).dtype) for key in most]
    assert kinds == ["int16", "float16", "float32", "float32", "float32"]


@pytest.mark.parametrize("name", PLANS)
def test_the_longest_fade_out_touches_only_frames_that_wait_for_the_end(name: str) -> None:
    plan = PLANS[name]
    waiting = [frames_in(samples) - plan.frames_ready(samples) for samples in range(60_000, 220_000, 40)]
    assert min(waiting) == MOST_FADE_OUT[name] + 1


def test_nothing_said_is_no_frame_and_no_request() -> None:
    for plan in PLANS.values():
        assert _steps(plan, [_sound(0)]) == ([], [])
        assert _steps(plan, [_sound(0), _sound(0)]) == ([], [])


def test_a_stream_ends_once_and_keeps_nothing() -> None:
    state = MotionState(SEED)
    answered(motion_steps(state, _sound(5000), True, PLANS["online70"], WHO), FakeHearer(), FakeDiffuser())
    assert state.ended and state.array_bytes == 0
    with pytest.raises(BadInput, match="has ended"):
        next(motion_steps(state, _sound(0), False, PLANS["online70"], WHO))


def test_a_prediction_that_is_not_finite_is_an_error_and_no_motion() -> None:
    steps = motion_steps(MotionState(SEED), _sound(5000), True, PLANS["offline10"], WHO)
    request = next(steps)
    while isinstance(request, Hear):
        request = steps.send(np.zeros((20, 1024), np.float32))
    with pytest.raises(EngineFailed, match="not numbers"):
        steps.send(np.full((80, 265), np.nan, np.float32))


def test_a_stream_of_hours_is_as_cheap_as_its_beginning() -> None:
    """A state a day into its stream goes on: nothing counts from the beginning."""
    plan, state = PLANS["online70"], MotionState(SEED)
    answered(motion_steps(state, _sound(16_000), False, plan, WHO), FakeHearer(), FakeDiffuser())
    before = state.emitted
    hops = 24 * 3600 * 25 // plan.valid
    state.windows += hops
    state.heard += hops * plan.valid // 5
    state.received += hops * plan.valid * 640
    state.emitted += hops * plan.valid
    state.blink_number, state.blink_start = 25_000, state.emitted + 10
    frames, asked = answered(motion_steps(state, _sound(6400), False, plan, WHO), FakeHearer(), FakeDiffuser())
    assert [frame.index for frame in frames] == list(range(before + hops * 10, before + hops * 10 + 10))
    assert len(asked) == 3
