"""What of a long conversation is kept."""

import pytest

from deployments.contracts import Message
from deployments.errors import TooLarge
from deployments.llm.history import newest_that_fit


def talk(turns: int) -> list[Message]:
    roles = [
        Message("user", f"question {turn}") if not half else Message("assistant", "answer")
        for turn in range(turns)
        for half in (0, 1)
    ]
    return [*roles, Message("user", "now?")]


def cost(message: Message) -> int:
    return 10


def test_a_short_conversation_is_kept() -> None:
    assert newest_that_fit(talk(3), cost, 1000, 60) == tuple(talk(3))


def test_the_newest_turns_are_kept_and_the_user_speaks_first() -> None:
    kept = newest_that_fit(talk(100), cost, 1000, 200)
    assert kept == tuple(talk(100)[-len(kept) :])
    assert kept[0].role == "user" and 10 <= len(kept) <= 21


def test_the_question_is_always_kept() -> None:
    assert newest_that_fit(talk(100), cost, 10, 200) == (Message("user", "now?"),)
    assert newest_that_fit(talk(100), cost, 1000, 0) == (Message("user", "now?"),)
    with pytest.raises(TooLarge, match="shorten it"):
        newest_that_fit(talk(100), cost, 9, 200)


def test_the_beginning_stays_for_some_turns() -> None:
    """A prompt that begins as the last one did is read from the cache."""
    first = [newest_that_fit(talk(turns), cost, 1000, 400)[0].content for turns in range(100, 140)]
    assert len(set(first)) <= 20
    assert newest_that_fit(talk(5), cost, 60, 400)[-1].content == "now?"
