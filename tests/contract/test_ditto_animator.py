"""The Ditto engine passes the suite of all animators, in every mode of its motion model."""

import ast
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest

from deployments.contracts import SAMPLES_PER_FRAME, Animator, Step
from deployments.video.ditto.animator import DittoAnimator
from deployments.video.ditto.stream import PARTS
from tests.contract.animator_suite import AnimatorSuite, cut, result, run, speech_like
from tests.fakes.narrow_ditto import narrow_ditto

pytestmark = pytest.mark.contract


@cache
def engine(motion: str, number: int) -> DittoAnimator:
    """One of several with the same settings."""
    return narrow_ditto(motion=ast.literal_eval(motion))


class DittoSuite(AnimatorSuite):
    motion: ClassVar[dict[str, Any]]

    @pytest.fixture
    def animator(self) -> Animator:
        return engine(repr(self.motion), 1)

    @pytest.fixture
    def another(self) -> Animator:
        return engine(repr(self.motion), 2)

    def test_a_batch_gives_each_stream_what_it_gets_alone(self, animator: Animator, avatar_id: str) -> None:
        """Not the same bits, as networks sum otherwise in larger batches: test_ditto_batches.py has the bounds."""
        steps = [Step(avatar_id, speech_like(1.2, seed), seed=seed, final=seed == 2) for seed in range(3)]
        together = [result(answer) for answer in animator.step(steps)]
        alone = [result(animator.step([step])[0]) for step in steps]
        for one, other in zip(together, alone, strict=True):
            assert [frame.index for frame in one.frames] == [frame.index for frame in other.frames]
            assert len(one.state) == len(other.state)
        assert animator.step([]) == []

    def test_says_where_the_time_went_in_its_own_parts(self, animator: Animator, avatar_id: str) -> None:
        timings = result(animator.step([Step(avatar_id, speech_like(0.5), final=True)])[0]).timings
        assert tuple(timings) == PARTS and min(timings.values()) > 0


class TestDitto70(DittoSuite):
    motion: ClassVar[dict[str, Any]] = {"overlap": 70}
    first_frames = 10


class TestDitto75(DittoSuite):
    motion: ClassVar[dict[str, Any]] = {"overlap": 75}


class TestDittoOffline(DittoSuite):
    """Three seconds behind: what needs no long stream is tried on the end of short ones."""

    motion: ClassVar[dict[str, Any]] = {"mode": "offline", "steps": 10}
    lookahead_max = 60_000

    def test_a_group_comes_with_its_last_sample_of_look_ahead(self, animator: Animator, avatar_id: str) -> None:
        audio = speech_like(9)
        state, received, shown = None, 0, 0
        for piece in np.array_split(audio, 27):
            answer = result(animator.step([Step(avatar_id, piece, state)])[0])
            state, received, shown = answer.state, received + len(piece), shown + len(answer.frames)
            assert shown >= (received - animator.lookahead_samples) // 3200 * self.group_frames
        assert shown >= 135

    def test_long_streams_too_are_the_same_however_they_are_cut(
        self, animator: Animator, another: Animator, avatar_id: str
    ) -> None:
        audio = speech_like(6.1)
        whole = run(animator, [audio], avatar_id)
        assert len(whole) == -(-len(audio) // SAMPLES_PER_FRAME)
        assert run(another, cut(audio, [0, 1, 1, *range(5_000, len(audio), 9_999)]), avatar_id) == whole
