"""The fake voice against the contract of voices: what tests rely on is what engines do."""

from collections.abc import Callable

import pytest

from tests.contract.synthesizer_suite import SynthesizerSuite
from tests.fakes.synthesizer import FakeSynthesizer

pytestmark = pytest.mark.contract


class TestFakeSynthesizer(SynthesizerSuite):
    @pytest.fixture
    def synthesizer(self) -> FakeSynthesizer:
        return FakeSynthesizer()

    @pytest.fixture
    def enrolled(self, synthesizer: FakeSynthesizer) -> Callable[[bytes], str]:
        def keep(blob: bytes) -> str:
            synthesizer.enrolled["mine"] = blob
            return "mine"

        return keep
