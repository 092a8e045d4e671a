"""Any OpenAI-compatible address, against a small server on this machine."""

import asyncio
import pickle
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from deployments.contracts import ReplyEnd, Sampling
from deployments.errors import AtCapacity, AvatarError, EngineFailed, TimedOut, TooLarge, Unsupported
from deployments.llm.engines import build_engine
from deployments.llm.openai_url import OpenAiSource
from deployments.llm.settings import LlmSettings, OpenAiSettings, SamplingSettings
from deployments.llm.speaker import Speaker
from deployments.weights.settings import WeightsSettings
from tests.contract.chat_model_suite import ChatModelSuite, ask, eventually, whole
from tests.fakes.openai_server import Failure, FakeOpenAiServer

LIMITS = {"max_sentences": 50, "max_characters": 5000}


@pytest.fixture(scope="module")
def running() -> Iterator[FakeOpenAiServer]:
    server = FakeOpenAiServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running: FakeOpenAiServer) -> FakeOpenAiServer:
    running.requests.clear()
    running.keys.clear()
    running.failures.clear()
    running.delay_seconds, running.repeats_prefix, running.models_status = 0.002, False, 200
    return running


def settings(server: FakeOpenAiServer, limits: dict[str, int] = LIMITS, **openai: Any) -> LlmSettings:
    """As a YAML would give them."""
    told = {"engine": "openai", "limits": limits, "openai": {"base_url": server.base_url, "model": "m", **openai}}
    return LlmSettings.model_validate(told)


def build(server: FakeOpenAiServer, **openai: Any) -> Speaker:
    return build_engine(settings(server, **openai), WeightsSettings())


class TestOpenAi(ChatModelSuite):
    @pytest.fixture
    async def model(self, server: FakeOpenAiServer) -> AsyncIterator[Speaker]:
        speaker = build(server)
        yield speaker
        await speaker.close()
        assert await eventually(lambda: server.streaming == 0)  # the work there has stopped too


async def test_what_is_asked(server: FakeOpenAiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret")
    told = settings(server, api_key_variable="MY_KEY").model_copy(
        update={
            "sampling": SamplingSettings(temperature=0.1, top_p=0.2, seed=3),
            "persona": "Be {name}.",
            "examples": {},
        }
    )
    await whole(build_engine(told, WeightsSettings()), ask("Hi?", max_tokens=9))
    body = server.requests[0]
    assert body["messages"] == [{"role": "system", "content": "Be Ada."}, {"role": "user", "content": "Hi?"}]
    assert (body["model"], body["max_tokens"], body["stream"]) == ("m", 9, True)
    assert (body["temperature"], body["top_p"], body["seed"]) == (0.1, 0.2, 3)
    assert server.keys == ["Bearer secret"]


async def test_no_key_and_no_seed_are_fine(server: FakeOpenAiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    await whole(build(server), ask("Hi?"))
    assert "seed" not in server.requests[0]


async def test_closing_hangs_up(server: FakeOpenAiServer) -> None:
    server.delay_seconds = 0.05
    stream = build(server).reply(ask("Why?"))
    await anext(stream)
    await stream.aclose()
    assert await eventually(lambda: server.streaming == 0)


@pytest.mark.parametrize(
    ("failure", "expected", "says"),
    [
        (Failure(401), EngineFailed, "OPENAI_API_KEY"),
        (Failure(403), EngineFailed, "OPENAI_API_KEY"),
        (Failure(404), EngineFailed, "openai.model"),
        (Failure(400), EngineFailed, "refused"),
        (Failure(400, code="context_length_exceeded"), TooLarge, "history_tokens"),
        (Failure(429), AtCapacity, "no room"),
        (Failure(503), AtCapacity, "no room"),
    ],
)
async def test_errors_are_ours_and_are_not_tried_again(
    server: FakeOpenAiServer, failure: Failure, expected: type[AvatarError], says: str
) -> None:
    server.failures.append(failure)
    with pytest.raises(expected, match=says) as raised:
        await whole(build(server), ask("Why?"))
    assert type(pickle.loads(pickle.dumps(raised.value))) is expected
    assert len(server.requests) == 1


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("0.4", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 2)])
async def test_retry_after_is_passed_on(server: FakeOpenAiServer, header: str, seconds: int) -> None:
    server.failures.append(Failure(429, headers={"Retry-After": header}))
    with pytest.raises(AtCapacity) as raised:
        await whole(build(server), ask("Why?"))
    assert raised.value.retry_after_seconds == seconds


@pytest.mark.parametrize("failure", [Failure(500), Failure(after=0)])
async def test_a_passing_failure_is_tried_once_more(server: FakeOpenAiServer, failure: Failure) -> None:
    server.failures.append(failure)
    assert await whole(build(server), ask("Why?"))
    assert len(server.requests) == 2
    server.failures.extend([failure, failure])
    with pytest.raises(EngineFailed) as raised:
        await whole(build(server), ask("Why?"))
    assert type(pickle.loads(pickle.dumps(raised.value))) is EngineFailed
    server.failures[:] = [failure]
    with pytest.raises(EngineFailed):
        await whole(build(server, retries=0), ask("Why?"))


async def test_nothing_is_tried_again_once_something_was_said(server: FakeOpenAiServer) -> None:
    server.failures.append(Failure(after=8))
    with pytest.raises(EngineFailed, match="hung up"):
        await whole(build(server), ask("Why?"))
    assert len(server.requests) == 1


async def test_silence_times_out(server: FakeOpenAiServer) -> None:
    server.delay_seconds = 1.0
    with pytest.raises(TimedOut, match=r"within 0\.1 s"):
        await whole(build(server, piece_seconds=0.1, retries=0), ask("Why?"))


async def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    source = OpenAiSource(OpenAiSettings(base_url=address, retries=0), SamplingSettings())
    with pytest.raises(EngineFailed, match=r"start it, or correct openai\.base_url"):
        await whole(Speaker(source, LlmSettings()), ask("Why?"))
    with pytest.raises(EngineFailed, match="cannot be reached"):
        await source.check()


async def test_health(server: FakeOpenAiServer) -> None:
    for status, well in ((200, True), (404, True), (401, False), (500, False)):
        server.models_status = status
        speaker = build(server)
        if well:
            await speaker.check()
        else:
            with pytest.raises(EngineFailed):
                await speaker.check()
            await whole(speaker, ask("Why?"))
            await speaker.check()  # it has just answered


@pytest.mark.parametrize("continues", [True, False])
@pytest.mark.parametrize("repeats", [True, False])
async def test_going_on_never_repeats(server: FakeOpenAiServer, continues: bool, repeats: bool) -> None:
    server.repeats_prefix = repeats
    rest = await whole(build(server, continues=continues), ask("Why?", prefix="You ask me"))
    assert rest.startswith(" this. Why? I like it")
    body = server.requests[0]
    assert (body["messages"][-1]["role"] == "assistant") is continues
    assert body.get("continue_final_message", False) is continues


async def test_old_turns_are_left_out(server: FakeOpenAiServer) -> None:
    said = ["What about the sea?", "It is wide."] * 50
    await whole(build(server, history_tokens=200), ask(*said, "And now?"))
    sent = server.requests[0]["messages"]
    assert len(sent) < 40 and sent[-1]["content"] == "And now?"


async def test_slots_bound_what_is_under_way(server: FakeOpenAiServer) -> None:
    speaker = build(server, slots=1)
    first = speaker.reply(ask("Why?"))
    await anext(first)
    second = asyncio.ensure_future(whole(speaker, ask("Why?")))
    await asyncio.sleep(0.05)
    assert len(server.requests) == 1
    await first.aclose()
    assert await second and len(server.requests) == 2


def test_engines_are_chosen_by_name(server: FakeOpenAiServer) -> None:
    with pytest.raises(Unsupported, match="llama, openai"):
        build_engine(LlmSettings(engine="oracle"), WeightsSettings())
    assert LlmSettings(engine="openai").slots == OpenAiSettings().slots != LlmSettings().slots


async def test_a_reply_that_is_reported_counts_its_tokens(server: FakeOpenAiServer) -> None:
    speaker = build(server)
    request = replace(ask("Hello"), report=True, instructions="Be a pirate.", sampling=Sampling(seed=3, stop=("#",)))
    *_, last = [piece async for piece in speaker.reply(request)]
    assert isinstance(last, ReplyEnd) and not last.cut
    assert last.completion_tokens == len(server.answer(server.requests[-1]))
    assert last.prompt_tokens == sum(len(message["content"].split()) for message in server.requests[-1]["messages"])
    sent = server.requests[-1]
    assert (sent["seed"], sent["stop"]) == (3, ["#"]) and "top_k" not in sent
    assert sent["messages"][0]["content"].startswith("Be a pirate.") and len(sent["messages"]) == 2
    await whole(speaker, ask("Hello"))
    assert "stream_options" not in server.requests[-1]
    await speaker.close()
