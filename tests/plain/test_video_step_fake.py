"""The fake animator passes the suite of the real ones, so tests that use it mean something."""

import numpy as np
import pytest

from deployments.contracts import Animator
from tests.contract.animator_suite import AnimatorSuite, decoded, run, speech_like
from tests.fakes.animator import FakeAnimator

pytestmark = pytest.mark.plain


class TestFakeAnimator(AnimatorSuite):
    @pytest.fixture
    def animator(self) -> Animator:
        return FakeAnimator()

    @pytest.fixture
    def another(self) -> Animator:
        return FakeAnimator()

    def test_is_brighter_where_it_is_louder(self) -> None:
        audio = np.concatenate([np.zeros(8000, np.float32), speech_like(0.5)])
        pictures = decoded(run(FakeAnimator(), [audio], "grace_hopper"))
        assert np.mean(pictures[13:20]) > np.mean(pictures[:10]) + 10
