"""What every Animator must do, whatever it animates. Subclasses provide the engine through three fixtures."""

from collections.abc import Sequence
from dataclasses import replace

import av
import numpy as np
import pytest

from deployments.contracts import SAMPLES_PER_FRAME, Animator, EncodedFrame, Float32, Image, Step, Stepped
from deployments.errors import AvatarError, BadInput, EngineFailed, NotFound


def speech_like(seconds: float, seed: int = 7) -> Float32:
    """Syllables without words: a buzzing tone at 4 Hz with pauses, float32 at 16 kHz."""
    noise = np.random.default_rng(seed)
    time = np.arange(int(seconds * 16_000)) / 16_000
    voice = sum(np.sin(2 * np.pi * 120 * k * time + k) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 4 * time), 0, 1) * (np.sin(2 * np.pi * 0.4 * time) > -0.5)
    return (0.08 * voice * syllables + 0.001 * noise.normal(size=len(time))).astype(np.float32)


def result(answer: Stepped | Exception) -> Stepped:
    if isinstance(answer, Exception):
        raise answer
    return answer


def run(animator: Animator, pieces: Sequence[Float32], avatar_id: str, seed: int = 1) -> list[EncodedFrame]:
    """A whole stream, the last piece final."""
    state: bytes | None = None
    frames: list[EncodedFrame] = []
    for place, piece in enumerate(pieces):
        step = Step(avatar_id, piece, state, final=place == len(pieces) - 1, seed=seed)
        stepped = result(animator.step([step])[0])
        assert len(stepped.state) <= 256 * 1024
        assert [frame.index for frame in stepped.frames] == list(range(len(frames), len(frames) + len(stepped.frames)))
        assert not stepped.frames or stepped.frames[0].key
        state, frames = stepped.state, frames + list(stepped.frames)
    return frames


def decoded(frames: Sequence[EncodedFrame]) -> list[Image]:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = [shown for frame in frames for shown in decoder.decode(av.Packet(frame.data))] + decoder.decode(None)
    return [picture.to_ndarray(format="bgr24").astype(np.uint8) for picture in shown]


def cut(audio: Float32, places: Sequence[int]) -> list[Float32]:
    return [np.ascontiguousarray(piece) for piece in np.split(audio, sorted(places))]


class AnimatorSuite:
    group_frames = 5
    """Frames that decode alone: they come, at the latest, when their audio and the look-ahead are there."""
    first_frames = 5
    """Frames that come first, all at once."""
    lookahead_max = 16_000

    @pytest.fixture
    def animator(self) -> Animator:
        raise NotImplementedError

    @pytest.fixture
    def another(self) -> Animator:
        """A second instance with the same settings: another replica."""
        raise NotImplementedError

    @pytest.fixture
    def avatar_id(self) -> str:
        return "grace_hopper"

    def test_declares_an_even_frame_size_and_a_look_ahead(self, animator: Animator) -> None:
        width, height = animator.frame_size
        assert width > 0 and height > 0 and width % 2 == 0 and height % 2 == 0
        assert 0 <= animator.lookahead_samples <= self.lookahead_max

    @pytest.mark.parametrize("samples", [0, 1, 640, 641, 3200, 5201, 9_999])
    def test_gives_a_frame_for_each_one_begun(self, animator: Animator, avatar_id: str, samples: int) -> None:
        frames = run(animator, [speech_like(1)[:samples]], avatar_id)
        assert len(frames) == -(-samples // SAMPLES_PER_FRAME)
        pictures = decoded(frames)
        assert len(pictures) == len(frames)
        assert all(picture.shape[1::-1] == animator.frame_size for picture in pictures)

    def test_any_split_of_the_audio_gives_the_same_frames(
        self, animator: Animator, another: Animator, avatar_id: str
    ) -> None:
        audio = speech_like(1.7)[:27_111]
        whole = run(animator, [audio], avatar_id)
        assert len(whole) == 43
        noise = np.random.default_rng(11)
        splits = [noise.integers(0, len(audio) + 1, size=count).tolist() for count in (1, 3, 8, 20)]
        splits += [[0, 0, 1, 2, 2, 3, 3200, 3201], [len(audio)], [len(audio) - 1, len(audio), len(audio)]]
        for places in splits:
            assert run(another, cut(audio, places), avatar_id) == whole, places

    def test_a_group_comes_with_its_last_sample_of_look_ahead(self, animator: Animator, avatar_id: str) -> None:
        needed = self.group_frames * SAMPLES_PER_FRAME + animator.lookahead_samples
        audio = speech_like(1)[: needed + 10]
        early = result(animator.step([Step(avatar_id, audio[: needed - 1])])[0])
        assert early.frames == ()
        due = result(animator.step([Step(avatar_id, audio[needed - 1 : needed], early.state)])[0])
        assert [frame.index for frame in due.frames] == list(range(self.first_frames))

    def test_each_group_decodes_alone(self, animator: Animator, avatar_id: str) -> None:
        frames = run(animator, [speech_like(0.9)], avatar_id)
        pictures = decoded(frames)
        for first in range(0, len(frames), self.group_frames):
            group = slice(first, first + self.group_frames)
            assert frames[first].key
            assert all(np.array_equal(a, b) for a, b in zip(decoded(frames[group]), pictures[group], strict=True))

    def test_a_step_may_be_repeated_on_another_replica(
        self, animator: Animator, another: Animator, avatar_id: str
    ) -> None:
        audio = speech_like(1.2)
        first = result(animator.step([Step(avatar_id, audio[:9000], seed=5)])[0])
        run(animator, [speech_like(0.5, seed=1)], avatar_id, seed=9)
        step = Step(avatar_id, audio[9000:], first.state, final=True)
        here, there = result(animator.step([step])[0]), result(another.step([step])[0])
        assert here.frames == there.frames and here.state == there.state

    def test_a_batch_gives_each_stream_what_it_gets_alone(self, animator: Animator, avatar_id: str) -> None:
        steps = [Step(avatar_id, speech_like(0.6, seed), seed=seed, final=seed == 2) for seed in range(3)]
        together = [result(answer) for answer in animator.step(steps)]
        alone = [result(animator.step([step])[0]) for step in steps]
        assert [answer.frames for answer in together] == [answer.frames for answer in alone]
        assert [answer.state for answer in together] == [answer.state for answer in alone]
        assert animator.step([]) == []

    def test_seeds_make_different_faces(self, animator: Animator, avatar_id: str) -> None:
        audio = speech_like(3)
        assert run(animator, [audio], avatar_id, seed=1) != run(animator, [audio], avatar_id, seed=2)

    def test_the_seed_is_read_with_the_first_step_only(self, animator: Animator, avatar_id: str) -> None:
        audio = speech_like(1)
        first = result(animator.step([Step(avatar_id, audio[:100], seed=3)])[0])
        step = Step(avatar_id, audio[100:], first.state, final=True, seed=3)
        other = replace(step, seed=4)
        assert result(animator.step([step])[0]).frames == result(animator.step([other])[0]).frames

    def test_the_face_is_alive_in_silence(self, animator: Animator, avatar_id: str) -> None:
        pictures = decoded(run(animator, [np.zeros(4 * 16_000, np.float32)], avatar_id))
        changes = [np.abs(a.astype(int) - b).mean() for a, b in zip(pictures[10:], pictures[15:], strict=False)]
        assert min(changes) > 0.02

    def test_a_bad_step_spares_the_others(self, animator: Animator, avatar_id: str) -> None:
        good = Step(avatar_id, speech_like(0.4), final=True)
        bad = [
            (replace(good, avatar_id="nobody-of-that-name"), NotFound),
            (replace(good, pcm_16k=np.full(100, np.nan, np.float32)), BadInput),
            (replace(good, pcm_16k=np.zeros((10, 2), np.float32)), BadInput),
            (replace(good, state=b"not a state"), BadInput),
        ]
        answers = animator.step([good, *(step for step, _ in bad), good])
        assert result(answers[0]).frames == result(answers[-1]).frames != ()
        for answer, (_, kind) in zip(answers[1:-1], bad, strict=True):
            assert isinstance(answer, kind) and len(str(answer)) > 20

    def test_a_state_that_is_not_its_own_is_refused(self, animator: Animator, avatar_id: str) -> None:
        state = result(animator.step([Step(avatar_id, speech_like(0.7))])[0]).state
        for broken in (b"", state[:-1], state[: len(state) // 2], state[:8], state + b"x", b"?" + state[1:]):
            (answer,) = animator.step([Step(avatar_id, speech_like(0.3), broken)])
            assert isinstance(answer, BadInput | EngineFailed), len(broken)

    def test_a_stream_that_has_ended_takes_no_more(self, animator: Animator, avatar_id: str) -> None:
        state = result(animator.step([Step(avatar_id, speech_like(0.3), final=True)])[0]).state
        for audio in (np.zeros(0, np.float32), speech_like(0.3)):
            (answer,) = animator.step([Step(avatar_id, audio, state, final=True)])
            assert isinstance(answer, BadInput)

    def test_says_where_the_time_went(self, animator: Animator, avatar_id: str) -> None:
        timings = result(animator.step([Step(avatar_id, speech_like(0.5))])[0]).timings
        assert {"analyse", "render", "encode"} <= set(timings) and all(seconds >= 0 for seconds in timings.values())

    def test_a_picture_without_a_face_is_refused(self, animator: Animator) -> None:
        with pytest.raises(AvatarError):
            animator.enrol(np.full((600, 500, 3), 127, np.uint8))
