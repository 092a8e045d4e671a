"""Replies end with a sentence."""

import pytest

from deployments.llm.limiter import Limiter
from deployments.llm.settings import ReplyLimits


def limited(pieces: list[str], max_tokens: int = 96, cut: bool = False, after: str = "", **limits: int) -> str:
    limiter = Limiter(ReplyLimits(**limits), max_tokens, after)
    text = "".join(limiter.take(piece) for piece in pieces)
    return text + limiter.end(cut)


def test_a_short_reply_passes() -> None:
    assert limited(["Hello", ", you", "."]) == "Hello, you."
    assert limited(["Hello", ", you"]) == "Hello, you"  # its own end, with no stop, is respected
    assert limited([]) == ""


@pytest.mark.parametrize("split", [1, 3, 100])
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Dr. Who paid 3.5 pounds. Yes! No? More.", "Dr. Who paid 3.5 pounds. Yes! No?"),
        ("你好。我是艾达！你呢？再见。", "你好。我是艾达！你呢？"),
        ('He said "Go." Then left… And? Well.', 'He said "Go." Then left… And?'),
    ],
)
def test_sentences_are_counted(text: str, kept: str, split: int) -> None:
    pieces = [text[at : at + split] for at in range(0, len(text), split)]
    assert limited(pieces, max_sentences=3, max_tokens=1000) == kept


def test_max_sentences_and_the_rest_is_not_wanted() -> None:
    limiter = Limiter(ReplyLimits(max_sentences=1), 96)
    assert limiter.take("One.") == "One." and not limiter.done
    assert limiter.take(" Two") == "" and limiter.done
    assert limiter.end(cut=True) == ""


def test_no_sentence_is_begun_that_may_not_end() -> None:
    words = ["One", " two", " three", ".", " Four", " five", "."]
    assert limited(words, max_tokens=10, reserve_tokens=8) == "One two three."
    assert limited(words, max_tokens=10, reserve_tokens=2) == "One two three. Four five."


def test_a_reply_cut_by_its_limit_ends_with_a_whole_word_and_a_stop() -> None:
    assert limited(["The", " quick", " bro"], max_tokens=3, cut=True) == "The quick."
    assert limited(["快", "乐", "的"], max_tokens=3, cut=True) == "快乐的。"
    assert limited(["Well", ",", " then"], max_tokens=3, cut=True) == "Well,"
    assert limited(["Done."], max_tokens=1, cut=True) == "Done."


def test_max_characters_ends_with_the_word() -> None:
    text = "word " * 30
    assert limited([text], max_characters=20) == "word word word word word."
    assert limited(["很" * 40], max_characters=20) == "很" * 20 + "。"
    assert limited(["One two three fours. Five."], max_characters=20) == "One two three fours."


def test_what_was_said_before_counts() -> None:
    assert limited([" Two. Three. Four."], max_sentences=3, after="One.") == " Two. Three."
    assert limited([" More."], max_sentences=1, after="One.") == ""
