"""How the face moves: alive in silence, livelier in speech, human in its blinks, at rest at both ends."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from deployments.video.portrait.chance import Purpose, normal, uniform
from deployments.video.portrait.level import Loudness, frame_decibels
from deployments.video.portrait.lips import shaped
from deployments.video.portrait.motion import Motion, MotionSettings, Sound
from deployments.video.portrait.pose import Pose

pytestmark = pytest.mark.plain
NONE: dict[str, float] = {}
VOWEL = np.array([0.25, 0.1, 0.2, 0.2, 0.3, 0.0, 0.0, 0.1], np.float32)


def live(levels: Sequence[float], seed: int = 1, knobs: Mapping[str, float] = NONE) -> list[Pose]:
    """A stream with these levels, whose end is not known."""
    motion, settings = Motion(), MotionSettings.model_validate(dict(knobs))
    return [
        motion.advance(settings, seed, frame, Sound(level, max(levels[frame : frame + 3]), VOWEL * level), 0.0)
        for frame, level in enumerate(levels)
    ]


def talk(seconds: float) -> list[float]:
    """Syllables at 4 Hz in phrases of 3 s with pauses of 1 s."""
    time = np.arange(int(25 * seconds)) / 25
    return [float(v) for v in np.where(time % 4 < 3, 0.5 + 0.45 * np.sin(2 * np.pi * 4.03 * time), 0.0)]


def blinks(poses: Sequence[Pose]) -> list[int]:
    shut = [pose.blink > 0.5 for pose in poses]
    return [frame for frame in range(1, len(shut)) if shut[frame] and not shut[frame - 1]]


def spread(poses: Sequence[Pose], name: str) -> float:
    return float(np.std([getattr(pose, name) for pose in poses[50:]]))


def test_chance_depends_on_its_arguments_alone_and_is_even() -> None:
    values = [uniform(5, Purpose.NOD, number) for number in range(4000)]
    assert values == [uniform(5, Purpose.NOD, number) for number in range(4000)]
    assert np.histogram(values, 10, (0, 1))[0].min() > 330
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.05
    for other in (uniform(6, Purpose.NOD, 0), uniform(5, Purpose.PHASE, 0), uniform(5, Purpose.NOD, 1)):
        assert other != values[0]
    drawn = [normal(5, Purpose.HEAD_YAW, number) for number in range(4000)]
    assert abs(np.mean(drawn)) < 0.05 and 0.9 < np.std(drawn) < 1.05 and np.abs(drawn).max() <= 2.31


def test_blinks_come_at_human_intervals() -> None:
    gaps = np.concatenate([np.diff(blinks(live([0.0] * 25 * 240, seed=seed))) for seed in range(6)]) / 25
    single = gaps[gaps > 1]
    assert single.min() >= 2.3 and single.max() <= 5.6
    assert 0.01 < np.mean(gaps < 1) < 0.15, "a few are double"


def test_pauses_invite_blinks() -> None:
    times = np.array(blinks(live(talk(600)))) / 25 % 4
    after = np.mean((times > 3.0) & (times < 3.9))
    assert after > 0.3, "the 22 % of the time that follows a phrase has more than its share of blinks"


def test_the_head_moves_more_in_speech_and_never_stands_still() -> None:
    speech, silence = live(talk(120)), live([0.0] * 25 * 120)
    for name in ("yaw", "pitch", "roll"):
        assert spread(speech, name) > 1.8 * spread(silence, name) > 0
    assert np.degrees(max(abs(pose.yaw) for pose in speech)) < 6
    steps = np.abs(np.diff([pose.yaw for pose in speech]))
    assert np.degrees(steps.max()) < 0.8, (
        "no jerks: people turn at up to 40 degrees a second, calm ones at half of that"
    )


def test_the_eyes_are_on_the_camera_most_of_the_time() -> None:
    away = np.array([abs(pose.gaze_x) > 0.16 for pose in live(talk(300))])
    assert 0.05 < away.mean() < 0.3


def test_loud_syllables_raise_the_brows_and_nod_the_head() -> None:
    quiet, stressed = [0.0] * 40 + [0.5] * 20, [0.0] * 40 + [1.1] * 20
    assert max(p.brow for p in live(stressed)[40:]) > max(p.brow for p in live(quiet)[40:]) > 0
    still = live([0.0] * 60)
    nod = [a.pitch - b.pitch for a, b in zip(live(stressed), still, strict=True)]
    assert np.degrees(min(nod[40:50])) < -0.3


def test_the_first_frame_is_at_rest_and_a_known_end_leads_back_to_it() -> None:
    motion, poses = Motion(), []
    for frame in range(60):
        rest = max(0.0, (frame - 53) / 6)
        poses.append(motion.advance(MotionSettings(), 3, frame, Sound(0.9, 0.9, VOWEL), rest))
    for pose in (poses[0], poses[-1]):
        for name in ("yaw", "pitch", "roll", "shift_x", "shift_y", "zoom", "breath", "brow", "gaze_x", "gaze_y"):
            assert getattr(pose, name) == 0, name
    assert not poses[-1].mouth.any() and poses[-1].blink == 0 and poses[-1].speaking == 0
    assert poses[30].speaking > 0.9 and poses[30].mouth[0] > 0.1


@pytest.mark.parametrize("name", ["yaw", "gaze_x", "brow", "breath"])
def test_each_movement_can_be_switched_off(name: str) -> None:
    knob = {"yaw": "head", "gaze_x": "gaze"}.get(name, name)
    assert spread(live(talk(20)), name) > 0 == spread(live(talk(20), knobs={knob: 0.0}), name)


def test_the_mouth_and_the_blinks_have_knobs() -> None:
    wide, small = live(talk(5)), live(talk(5), knobs={"mouth": 0.5})
    assert sum(p.mouth[0] for p in small) == pytest.approx(0.5 * sum(p.mouth[0] for p in wide), rel=1e-5)
    assert len(blinks(live([0.0] * 3000, knobs={"blink_gap": 3.0}))) < 0.5 * len(blinks(live([0.0] * 3000)))


def test_loudness_settles_within_300_ms_whatever_the_voice() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000).astype(np.float32)
    for gain in (0.01, 0.05, 0.3, 1.0):
        loudness, levels = Loudness(), []
        for decibels in frame_decibels(gain * tone):
            loudness.hear(decibels)
            levels.append(loudness.level(decibels))
        assert 0.55 < levels[8] < 0.95, gain
        assert abs(levels[-1] - 0.75) < 0.05, gain


def test_silence_teaches_loudness_nothing() -> None:
    loudness = Loudness()
    for _ in range(100):
        loudness.hear(-90.0)
    assert loudness == Loudness() and loudness.level(-90.0) == 0


def test_loudness_opens_the_mouth_and_a_closed_gate_rests_it() -> None:
    loud, soft = shaped(VOWEL, 1.0, 1.0), shaped(VOWEL, 0.3, 1.0)
    assert loud[0] > soft[0] > 0 and np.array_equal(loud[1:], VOWEL[1:])
    assert not shaped(VOWEL, 1.0, 0.0).any()
