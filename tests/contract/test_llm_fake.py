"""The fake chat model keeps the contract, so tests may stand on it."""

import pytest

from tests.contract.chat_model_suite import ChatModelSuite
from tests.fakes.chat_model import FakeChatModel


class TestFakeChatModel(ChatModelSuite):
    @pytest.fixture
    def model(self) -> FakeChatModel:
        return FakeChatModel(delay_seconds=0.002)
