"""What every ChatModel must do. A test class per engine inherits this and gives the engine."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Protocol

import pytest

from deployments.contracts import ChatModel, Message, ReplyRequest
from deployments.errors import BadInput


class WatchedChatModel(ChatModel, Protocol):
    """A ChatModel that tells how many replies it is working on, stopping ones included."""

    @property
    def active(self) -> int: ...


def ask(*texts: str, prefix: str = "", language: str | None = "en", max_tokens: int | None = None) -> ReplyRequest:
    """A request whose messages are, from the last one back, the user's, the assistant's and so on."""
    roles = ["user" if index % 2 == 0 else "assistant" for index in range(len(texts))][::-1]
    messages = tuple(map(Message, roles, texts))
    return ReplyRequest(messages, language=language, prefix=prefix, max_tokens=max_tokens)


async def whole(model: ChatModel, request: ReplyRequest) -> str:
    async with aclosing(model.reply(request)) as pieces:
        return "".join([piece async for piece in pieces])


async def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Waits for something that another thread or server brings about."""
    for _ in range(int(seconds / 0.001)):
        if condition():
            return True
        await asyncio.sleep(0.001)
    return condition()


QUESTION = "What do you like about the sea?"
SHORT = 40
"""Tokens of a reply that is waited for. Those that are cancelled are as long as the engine is set up for."""


class ChatModelSuite:
    """Subclasses define the fixture `model`: ready to answer English questions, several at once, and at length."""

    @pytest.fixture
    def model(self) -> WatchedChatModel:
        raise NotImplementedError

    async def test_a_reply_comes_in_pieces(self, model: WatchedChatModel) -> None:
        async with aclosing(model.reply(ask(QUESTION, max_tokens=SHORT))) as stream:
            pieces = [piece async for piece in stream]
        assert len(pieces) > 1 and all(pieces)
        assert "".join(pieces).strip() == "".join(pieces)
        assert await eventually(lambda: model.active == 0)

    async def test_closing_stops_the_work(self, model: WatchedChatModel) -> None:
        stream = model.reply(ask(QUESTION))
        await anext(stream)
        assert model.active == 1
        await stream.aclose()
        assert await eventually(lambda: model.active == 0)
        assert await whole(model, ask(QUESTION, max_tokens=SHORT))

    async def test_cancelling_stops_the_work(self, model: WatchedChatModel) -> None:
        got = asyncio.Event()

        async def listen() -> None:
            async with aclosing(model.reply(ask(QUESTION))) as stream:
                async for _ in stream:
                    got.set()

        await _cancel(listen, got.is_set)
        assert await eventually(lambda: model.active == 0)
        assert await whole(model, ask(QUESTION, max_tokens=SHORT))

    async def test_cancelling_before_the_first_piece_stops_the_work(self, model: WatchedChatModel) -> None:
        async def listen() -> None:
            await whole(model, ask(QUESTION * 20))

        await _cancel(listen, lambda: model.active > 0)
        assert await eventually(lambda: model.active == 0)
        assert await whole(model, ask(QUESTION, max_tokens=SHORT))

    async def test_a_reply_goes_on_from_its_prefix(self, model: WatchedChatModel) -> None:
        first = await whole(model, ask(QUESTION, max_tokens=SHORT))
        prefix = " ".join(first.split()[:3])
        rest = await whole(model, ask(QUESTION, prefix=prefix, max_tokens=SHORT))
        assert not rest.strip().startswith(prefix)

    async def test_conversations_do_not_mix(self, model: WatchedChatModel) -> None:
        """Compared by how they begin: computed side by side, numbers round otherwise and a long reply may drift."""
        questions = ["What is your favourite sea?", "Where does the longest river end?"]
        alone = [await whole(model, ask(question, max_tokens=SHORT)) for question in questions]
        together = await asyncio.gather(*(whole(model, ask(question, max_tokens=SHORT)) for question in questions))
        assert [text[:12] for text in together] == [text[:12] for text in alone]
        assert alone[0] != alone[1]

    async def test_a_hundred_turns_are_answered(self, model: WatchedChatModel) -> None:
        said = [text for turn in range(100) for text in (f"Is {turn} a number that you like?", f"Yes, {turn} is.")]
        assert await whole(model, ask(*said, QUESTION, max_tokens=SHORT))

    @pytest.mark.parametrize(
        "messages",
        [
            (),
            (Message("user", ""),),
            (Message("user", "Hello?"), Message("user", "  ")),
            (Message("user", "Hello?"), Message("assistant", "Hello.")),
        ],
    )
    async def test_nothing_to_answer_is_bad_input(self, model: WatchedChatModel, messages: tuple[Message, ...]) -> None:
        with pytest.raises(BadInput):
            await whole(model, ReplyRequest(messages))
        assert model.active == 0

    async def test_max_tokens_ends_a_reply(self, model: WatchedChatModel) -> None:
        short = await whole(model, ask(QUESTION, max_tokens=2))
        assert 0 < len(short) < len(await whole(model, ask(QUESTION, max_tokens=SHORT)))


async def _cancel(work: Callable[[], Awaitable[None]], when: Callable[[], bool]) -> None:
    task = asyncio.ensure_future(work())
    assert await eventually(when)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
