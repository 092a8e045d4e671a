"""The shipped model: it keeps the contract, answers in the user's language, and says who it is."""

import asyncio
from collections.abc import Iterator

import pytest

from deployments.contracts import Message, ReplyRequest
from deployments.llm.engines import build_engine
from deployments.llm.language import speaks
from deployments.llm.settings import LlamaSettings, LlmSettings, ReplyLimits, SamplingSettings
from deployments.llm.speaker import Speaker
from deployments.weights.settings import WeightsSettings
from tests.contract.chat_model_suite import ChatModelSuite, ask, whole

pytestmark = pytest.mark.weights("qwen2.5-coder-0.5b-instruct")


@pytest.fixture(scope="module")
def speaker() -> Iterator[Speaker]:
    settings = LlmSettings(
        sampling=SamplingSettings(temperature=0),
        limits=ReplyLimits(max_tokens=40),
        llama=LlamaSettings(threads=1, batch_threads=1, history_tokens=128),
    )
    speaker = build_engine(settings, WeightsSettings())
    yield speaker
    asyncio.run(speaker.close())


class TestQwen(ChatModelSuite):
    @pytest.fixture
    def model(self, speaker: Speaker) -> Speaker:
        return speaker


@pytest.mark.parametrize(
    ("question", "language", "answer"),
    [
        ("What is the capital of France?", "en", "Paris"),
        ("¿Cuál es la capital de Francia?", "es", "Par"),
        ("法国的首都是哪里？", "zh", "巴黎"),
        ("Who are you?", "en", "Ada"),
        ("¿Quién eres?", "es", "Ada"),
        ("你是谁？", "zh", "艾达"),
    ],
)
async def test_it_answers_in_the_language_of_the_question(
    speaker: Speaker, question: str, language: str, answer: str
) -> None:
    text = await whole(speaker, ReplyRequest((Message("user", question),)))
    assert answer in text
    assert speaks(text, language, whole=True)
    assert not any(name in text for name in ("Qwen", "Alibaba", "通义", "阿里"))
    assert len(text) < 200 and not set("*#`|") & set(text)


async def test_it_goes_on_from_a_prefix(speaker: Speaker) -> None:
    rest = await whole(speaker, ask("What is the capital of France?", prefix="The capital city of France is"))
    assert rest.startswith(" Paris")


async def test_it_knows_what_was_said(speaker: Speaker) -> None:
    said = ["I have a dog called Barnaby.", "What a lovely name for a dog!", "What is the name of my dog?"]
    assert "Barnaby" in await whole(speaker, ask(*said))
