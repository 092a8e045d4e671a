"""The Serve class without Serve: streams, cancels, health, metrics, options."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest
from ray import serve

import deployments.llm.deployment as module
from deployments.contracts import Message, ReplyRequest
from deployments.errors import BadInput, EngineFailed
from deployments.llm.deployment import Llm, build_llm
from deployments.llm.settings import LlamaSettings, LlmSettings
from deployments.weights.settings import WeightsSettings
from tests.fakes.chat_model import FakeChatModel


class Metrics:
    def __init__(self) -> None:
        self.events: list[str] = []
        self.actives: list[int] = []
        self.firsts: list[float] = []
        self.characters: list[int] = []

    def event(self, name: str) -> None:
        self.events.append(name)

    def active(self, replies: int) -> None:
        self.actives.append(replies)

    def first_piece(self, seconds: float) -> None:
        self.firsts.append(seconds)

    def ended(self, characters: int, seconds: float) -> None:
        self.characters.append(characters)


class Checked(FakeChatModel):
    async def check(self) -> None:
        if self.fails is not None:
            raise self.fails


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Checked]:
    engine = Checked()
    monkeypatch.setattr(module, "LlmMetrics", Metrics)
    monkeypatch.setattr(module, "build_engine", lambda settings, weights, observe: engine)
    yield engine


@pytest.fixture
def llm(engine: Checked) -> Llm:
    return Llm(LlmSettings(), WeightsSettings())


def metrics(llm: Llm) -> Metrics:
    assert isinstance(llm._metrics, Metrics)
    return llm._metrics


ASKED = ReplyRequest((Message("user", "Why?"),))


async def test_pieces_pass_and_are_counted(llm: Llm) -> None:
    text = "".join([piece async for piece in llm.reply(ASKED)])
    assert text == "You asked me this. Why? That is all I know."
    assert metrics(llm).characters == [len(text)] and len(metrics(llm).firsts) == 1
    assert metrics(llm).actives == [1, 0] and metrics(llm).events == []


async def test_closing_stops_the_model(llm: Llm, engine: Checked) -> None:
    pieces = llm.reply(ASKED)
    await anext(pieces)
    assert engine.active == 1
    await pieces.aclose()
    assert engine.active == 0 and engine.made == 1
    assert metrics(llm).events == ["cancelled"] and metrics(llm).actives[-1] == 0


async def test_cancelling_stops_the_model(llm: Llm, engine: Checked) -> None:
    """As Serve does it: the task that runs the generator is cancelled."""
    engine.delay_seconds = 0.001
    got = asyncio.Event()

    async def run() -> None:
        async with aclosing(llm.reply(ASKED)) as pieces:
            async for _ in pieces:
                got.set()

    task = asyncio.ensure_future(run())
    await got.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine.active == 0 and engine.made < 3
    assert metrics(llm).events == ["cancelled"]


async def test_errors_pass_and_are_counted(llm: Llm, engine: Checked) -> None:
    with pytest.raises(BadInput):
        await anext(llm.reply(ReplyRequest(())))
    engine.fails = EngineFailed("broken")
    with pytest.raises(EngineFailed):
        await anext(llm.reply(ASKED))
    assert metrics(llm).events == ["bad_input", "engine_failed"]


async def test_health_is_the_engines(llm: Llm, engine: Checked) -> None:
    await llm.check_health()
    engine.fails = EngineFailed("stuck")
    with pytest.raises(EngineFailed, match="stuck"):
        await llm.check_health()


def test_the_application_takes_as_many_replies_as_there_are_slots() -> None:
    for slots in (1, 3):
        application = build_llm(LlmSettings(llama=LlamaSettings(slots=slots)), WeightsSettings())
        deployment: serve.Deployment = application._bound_deployment
        assert deployment.name == "LLM" and deployment.func_or_class is Llm
        assert deployment._deployment_config.max_ongoing_requests == slots
        assert deployment._deployment_config.max_queued_requests == 8
        assert deployment.ray_actor_options is not None and deployment.ray_actor_options["num_cpus"] == 0.2


def test_niceness_is_applied(engine: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(module, "yield_to_others", asked.append)
    Llm(LlmSettings(niceness=7), WeightsSettings())
    assert asked == [7]
