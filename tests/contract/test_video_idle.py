"""The idle clip of the real portrait engine: it lives, and it joins itself and every answer without a jump."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from deployments.contracts import SAMPLES_PER_FRAME, Float32, Image, Pcm, Step, Stepped
from deployments.video.portrait.animator import PortraitAnimator
from deployments.video.portrait.motion import Motion, MotionSettings, Sound
from deployments.video.portrait.pose import MOUTH_CHANNELS, Pose
from deployments.video.settings import PortraitSettings
from serve_app.conversation import ConversationSettings
from serve_app.gateway.idle_clips import IDLE_FRAMES, IDLE_SEED
from serve_app.track import Track

VOICE = Path(__file__).parent.parent / "data" / "mouth" / "en.wav"
FACE_PIXELS = 100.0
"""About half a face's width in the default frame: what an angle moves the nose by."""


class Watched:
    """An engine whose pictures are seen before they are encoded."""

    def __init__(self) -> None:
        self._seen: list[Image] = []
        self._animator = PortraitAnimator(
            PortraitSettings(warm_avatars=()), lambda id: b"", watch=lambda index, picture: self._seen.append(picture)
        )

    def pictures(self, avatar: str, audio: Float32, seed: int) -> list[Image]:
        """A whole stream."""
        self._seen.clear()
        (stepped,) = self._animator.step([Step(avatar, audio, final=True, seed=seed)])
        assert isinstance(stepped, Stepped) and len(stepped.frames) == len(self._seen)
        return list(self._seen)


def answer(closing_seconds: float) -> Float32:
    """What the video stage hears of an answer, as a conversation puts it together."""
    samples, rate_hz = soundfile.read(VOICE, dtype="float32")
    track = Track()
    track.append(Pcm(np.asarray(samples, np.float32), rate_hz))
    track.end(closing_seconds)
    return track.take_hearing(track.hearing_available)


def step(one: Image, other: Image) -> float:
    """Mean change of a pixel, in levels."""
    return float(np.abs(one.astype(np.int16) - other).mean())


@pytest.mark.parametrize("avatar", ["grace_hopper", "astronaut"])
def test_it_joins_itself_and_answers_without_a_jump(avatar: str) -> None:
    engine = Watched()
    idle = engine.pictures(avatar, np.zeros(IDLE_FRAMES * SAMPLES_PER_FRAME, np.float32), IDLE_SEED)
    spoken = engine.pictures(avatar, answer(ConversationSettings().closing_seconds), seed=5)
    for before, after in ((idle[-1], idle[0]), (idle[-1], spoken[0]), (spoken[-1], idle[0])):
        assert np.array_equal(before, after)
    steps = [step(one, other) for one, other in pairwise(idle)]
    assert min(steps[5:-5]) > 0.02  # never quite still
    assert max(steps[-10:]) <= max(steps[:-10])  # nor in a hurry at the end


def silent_poses() -> list[Pose]:
    motion, silence = Motion(), Sound(0.0, 0.0, np.zeros(len(MOUTH_CHANNELS), np.float32))
    return [motion.advance(MotionSettings(), IDLE_SEED, frame, silence, rest=0.0) for frame in range(IDLE_FRAMES)]


def test_the_seed_gives_life_and_a_quiet_end() -> None:
    poses = silent_poses()
    shut = [frame for frame, pose in enumerate(poses) if pose.blink == 1.0]
    blinks = [frame for frame in shut if frame - 1 not in shut]
    assert len(blinks) == 2 and blinks[0] > 15 and blinks[1] < IDLE_FRAMES - 15
    assert any(abs(pose.gaze_x) > 0.15 for pose in poses)
    assert np.ptp([pose.breath for pose in poses]) > 1.5
    assert np.ptp([pose.yaw for pose in poses]) * FACE_PIXELS > 1
    for pose in poses[-6:]:  # from where the engine leads it back to rest
        away = np.abs([pose.yaw, pose.pitch, pose.roll]).sum() * FACE_PIXELS
        assert away < 1.2 and abs(pose.gaze_x) < 0.1 and pose.blink == 0.0
