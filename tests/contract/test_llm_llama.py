"""llama.cpp in process with a tiny random model: streams, cancels, slots, history, failures."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployments.contracts import Message, Sampling
from deployments.errors import EngineFailed, TimedOut, TooLarge
from deployments.llm.llama import LlamaSource, _parameters
from deployments.llm.settings import LlamaSettings, LlmSettings, ReplyLimits, SamplingSettings
from deployments.llm.source import Prompt
from deployments.llm.speaker import Speaker
from deployments.llm.tokenizer import private_folder
from deployments.openmp import SPINS
from tests.contract.chat_model_suite import ChatModelSuite, ask, eventually, whole
from tests.contract.tiny_gguf import write_tiny_gguf

SETTINGS = LlmSettings(
    persona="You are {name}. {language}.",
    examples={},
    limits=ReplyLimits(max_tokens=2000, max_sentences=1000, max_characters=20_000),
    sampling=SamplingSettings(temperature=0, repeat_penalty=1),
    llama=LlamaSettings(context_tokens=4096, history_tokens=1500, batch_tokens=32, threads=1, batch_threads=1),
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_gguf(tmp_path_factory.mktemp("llm") / "tiny.gguf")


@pytest.fixture(scope="module")
def source(tiny: Path) -> Iterator[LlamaSource]:
    source = LlamaSource(tiny, SETTINGS.llama, SETTINGS.sampling)
    yield source
    asyncio.run(source.close())


@pytest.fixture(scope="module")
def speaker(source: LlamaSource) -> Speaker:
    return Speaker(source, SETTINGS)


class TestLlama(ChatModelSuite):
    @pytest.fixture
    def model(self, speaker: Speaker) -> Speaker:
        return speaker


class Watched:
    """Stands in for the library's server and notes what passes."""

    def __init__(self, server: Any, seen: Callable[[], None] = lambda: None) -> None:
        self._server, self._seen = server, seen
        self.bodies: list[dict[str, Any]] = []
        self.chunks: list[dict[str, Any]] = []

    def handle_chat_completions(self, body: dict[str, Any], callback: Callable[[dict[str, Any]], bool]) -> None:
        def watch(chunk: dict[str, Any]) -> bool:
            self.chunks.append(chunk)
            stop = callback(chunk)
            self._seen()
            return stop

        self.bodies.append(body)
        self._server.handle_chat_completions(body, watch)

    @property
    def cached_tokens(self) -> int:
        return int(self.chunks[-1]["timings"]["cache_n"])


@pytest.fixture
def watched(source: LlamaSource, monkeypatch: pytest.MonkeyPatch) -> Watched:
    watched = Watched(source._server)
    monkeypatch.setattr(source, "_server", watched)
    return watched


def prompt(*texts: str, max_tokens: int = 8) -> Prompt:
    return Prompt("You are Ada.", (), ask(*texts).messages, max_tokens)


async def made(source: LlamaSource, asked: Prompt) -> str:
    return "".join([piece.text async for piece in source.stream(asked)])


async def test_reading_a_prompt_stops_within_a_batch(source: LlamaSource, watched: Watched) -> None:
    task = asyncio.ensure_future(made(source, prompt("z" * 1500)))  # one token a letter: some 50 batches
    assert await eventually(lambda: len(watched.chunks) >= 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.active == 0  # the thread is back
    seen = len(watched.chunks)
    assert seen < 45
    assert not any(choice["delta"].get("content") for chunk in watched.chunks for choice in chunk["choices"])
    await asyncio.sleep(0.05)
    assert len(watched.chunks) == seen


async def test_generating_stops_within_a_token(source: LlamaSource, watched: Watched) -> None:
    stream = source.stream(prompt("Go", max_tokens=1000))
    await anext(stream)
    await stream.aclose()
    assert source.active == 0
    seen = len(watched.chunks)
    await asyncio.sleep(0.05)
    assert len(watched.chunks) == seen < 500


async def test_a_slot_is_free_when_its_thread_is_back(
    source: LlamaSource, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two slots, both held by threads that do not come back: the third waits, and is answered when one has."""
    gate = threading.Event()
    entered: list[int] = []

    def held() -> None:
        entered.append(1)
        gate.wait(10)

    monkeypatch.setattr(watched, "_seen", held)
    tasks = [asyncio.ensure_future(made(source, prompt(text))) for text in ("One", "Two")]
    assert await eventually(lambda: len(entered) >= 2)
    third = asyncio.ensure_future(made(source, prompt("Three")))
    for task in tasks:
        task.cancel()
    await asyncio.sleep(0.1)
    assert source.active == 3 and not third.done() and not any(task.done() for task in tasks)
    gate.set()
    assert await third
    assert await eventually(lambda: source.active == 0)
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_waits_for_a_slot_can_be_cancelled(source: LlamaSource) -> None:
    streams = [source.stream(prompt(f"Go {index}", max_tokens=500)) for index in range(3)]
    await anext(streams[0])
    await anext(streams[1])
    waiting = asyncio.ensure_future(anext(streams[2]))
    await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert source.active == 2
    for stream in streams[:2]:
        await stream.aclose()
    assert source.active == 0


async def test_a_long_history_loses_its_oldest_turns(source: LlamaSource, watched: Watched) -> None:
    said = [text for turn in range(100) for text in (f"Is {turn} a number?", f"Yes, {turn} is.")]
    assert await made(source, prompt(*said, "And now?"))
    sent = watched.bodies[0]["messages"]
    assert sent[0] == {"role": "system", "content": "You are Ada."} and sent[1]["role"] == "user"
    assert sent[-1]["content"] == "And now?" and sent[-2]["content"] == "Yes, 99 is."
    tokens = sum(source._tokenizer.count(message["content"]) for message in sent)
    assert 600 < tokens < SETTINGS.llama.history_tokens + 50


async def test_a_question_longer_than_the_context_is_too_large(source: LlamaSource) -> None:
    with pytest.raises(TooLarge, match="shorten it"):
        await made(source, prompt("z" * 5000))
    assert source.active == 0


async def test_conversations_keep_their_slots(source: LlamaSource, watched: Watched) -> None:
    """Two conversations in turn: each finds what it said before in its slot's cache."""
    first, second = ["What about tea " * 5], ["Where are the rivers " * 5]
    for turn in range(3):
        for talk in (first, second):
            before = sum(map(len, talk[:-1]))  # a token a letter, nearly
            answer = await made(source, prompt(*talk))
            if turn:
                assert watched.cached_tokens >= 0.8 * before
            talk.extend([answer, "And why is that so"])
    assert len({body["id_slot"] for body in watched.bodies}) == 2


async def test_personas_stay_warm(source: LlamaSource, watched: Watched) -> None:
    def in_language(name: str) -> Prompt:
        return Prompt(f"{name} is what you talk in, dear Ada.", (), (Message("user", "Go"),), 2)

    source.warm([in_language(name) for name in ("English", "Spanish", "Chinese", "English")])
    for name in ("Chinese", "Spanish", "English"):
        await made(source, in_language(name))
        assert watched.cached_tokens > 20


async def test_a_refusal_is_a_typed_error(source: LlamaSource, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        def handle_chat_completions(self, body: dict[str, Any], callback: Callable[[dict[str, Any]], bool]) -> None:
            callback({"error": {"code": 500, "message": "out of luck"}})

    monkeypatch.setattr(source, "_server", Refusing())
    with pytest.raises(EngineFailed, match="out of luck"):
        await made(source, prompt("Go"))
    monkeypatch.setattr(source, "_server", object())
    with pytest.raises(EngineFailed, match=r"llama\.cpp failed"):
        await made(source, prompt("Go"))
    assert source.active == 0


async def test_a_stuck_model_times_out_and_is_not_healthy(source: LlamaSource, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    class Stuck:
        def handle_chat_completions(self, body: dict[str, Any], callback: Callable[[dict[str, Any]], bool]) -> None:
            release.wait(10)

    await source.check()
    monkeypatch.setattr(source, "_server", Stuck())
    monkeypatch.setattr(source, "_settings", SETTINGS.llama.model_copy(update={"stall_seconds": 0.05}))
    task = asyncio.ensure_future(made(source, prompt("Go")))
    assert await eventually(lambda: source.active == 1)
    await asyncio.sleep(0.2)
    with pytest.raises(EngineFailed, match="no token"):
        await source.check()
    with pytest.raises(TimedOut):
        await task
    assert source.active == 1  # its thread is not back, so its slot is not free
    release.set()
    assert await eventually(lambda: source.active == 0)


def test_a_file_that_is_no_model_is_an_engine_failure(tmp_path: Path) -> None:
    (tmp_path / "not.gguf").write_bytes(b"nothing")
    with pytest.raises(EngineFailed, match="could not load"):
        LlamaSource(tmp_path / "not.gguf", SETTINGS.llama, SETTINGS.sampling)


def test_what_a_killed_process_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed, running = tmp_path / "avatar-llm-99999999-x", tmp_path / f"avatar-llm-{os.getpid()}-x"
    killed.mkdir()
    running.mkdir()
    made = private_folder()
    assert made.stat().st_mode & 0o077 == 0
    assert sorted(tmp_path.iterdir()) == sorted([made, running])


async def test_closing_leaves_nothing(tiny: Path) -> None:
    source = LlamaSource(tiny, SETTINGS.llama.model_copy(update={"slots": 1}), SETTINGS.sampling)
    folder = source._folder
    stream = source.stream(prompt("Go", max_tokens=3000))
    await anext(stream)
    assert folder.exists()
    began = time.monotonic()
    await source.close()
    assert not folder.exists() and source.active == 0 and time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("knob", "value", "read"),
    [
        ("slots", 3, lambda p: p.n_parallel),
        ("context_tokens", 512, lambda p: p.n_ctx // p.n_parallel),
        ("threads", 3, lambda p: p.cpuparams.n_threads),
        ("batch_threads", 3, lambda p: p.cpuparams_batch.n_threads),
        ("batch_tokens", 128, lambda p: p.n_batch),
        ("batch_tokens", 128, lambda p: p.n_ubatch),
        ("reuse_tokens", 7, lambda p: p.n_cache_reuse),
        ("prompt_cache_mib", 5, lambda p: p.cache_ram_mib),
        ("poll", 50, lambda p: p.cpuparams.poll),
        ("poll", 50, lambda p: p.cpuparams_batch.poll),
    ],
)
def test_settings_reach_the_library(knob: str, value: int, read: Callable[[Any], int]) -> None:
    assert read(_parameters(Path("x"), LlamaSettings(), "s")) != value
    assert read(_parameters(Path("x"), LlamaSettings.model_validate({knob: value}), "s")) == value


def test_openmp_was_told_to_rest_soon() -> None:
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE" and int(os.environ["GOMP_SPINCOUNT"]) == SPINS


async def test_sampling_reaches_the_library(tiny: Path, source: LlamaSource, watched: Watched) -> None:
    await made(source, prompt("Go"))
    body = watched.bodies[0]
    for knob, value in SETTINGS.sampling.model_dump(exclude={"seed"}).items():
        assert body[knob] == value
    assert "seed" not in body
    assert await whole(Speaker(source, SETTINGS), ask("Go", max_tokens=3))


async def test_the_persona_stays_warm_beside_instructions(source: LlamaSource, watched: Watched) -> None:
    """Two conversations with instructions of their own may fill both slots: the persona is not read anew after that."""
    persona = "You are Ada, whom everybody likes to talk to."
    source.warm([Prompt(persona, (), (Message("user", "."),), 1)])
    other = [Prompt(f"{name} is what you are called at sea.", (), ask(f"{name}?").messages, 8) for name in ("Jo", "Bo")]
    await asyncio.gather(*(made(source, prompt) for prompt in other))
    await made(source, Prompt(persona, (), ask("Go").messages, 2))
    assert watched.cached_tokens > 20


async def test_instructions_count_against_the_context(source: LlamaSource) -> None:
    with pytest.raises(TooLarge, match="instructions"):
        await made(source, Prompt("z" * 5000, (), ask("Go").messages, 8))


async def test_tokens_are_counted_where_that_is_asked(source: LlamaSource) -> None:
    asked = replace(prompt("Go on"), report=True)
    pieces = [piece async for piece in source.stream(asked)]
    assert pieces[-1].completion_tokens == 8 and pieces[-1].cut
    read = pieces[-1].prompt_tokens
    assert read is not None and read > len("You are Ada.Go on")  # one token a letter
    again = [piece async for piece in source.stream(asked)]
    assert again[-1].prompt_tokens == read  # cached tokens count as well
    assert [piece.completion_tokens for piece in again if piece.text] == list(range(1, 9))  # known wherever it is ended


async def test_a_reply_is_sampled_as_asked(source: LlamaSource, watched: Watched) -> None:
    asked = replace(prompt("Go"), sampling=Sampling(temperature=0.7, top_p=0.5, seed=3, stop=("#",)))
    await made(source, asked)
    body = watched.bodies[-1]
    assert (body["temperature"], body["top_p"], body["seed"], body["stop"]) == (0.7, 0.5, 3, ["#"])
    assert body["top_k"] == SETTINGS.sampling.top_k
