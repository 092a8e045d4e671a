"""What is shown of a sentence that is not over."""

import pytest

from deployments.contracts import Transcript
from serve_app.realtime.hearing.partials import Partials


def shown(*looks: str, language: str = "en") -> list[str]:
    partials = Partials()
    return [partials.add(Transcript(look, language, (), 1.0)) for look in looks]


def test_two_looks_in_a_row_make_it_certain_but_for_the_last_word() -> None:
    assert shown("What is", "What is the cap", "What is the capital of", "What is the capital of Spain?") == [
        "",
        "What is",
        " the",
        " capital of",
    ]


def test_punctuation_and_case_may_change() -> None:
    assert shown("What. Is", "what is the", "What is the sky") == ["", "what is", " the"]


def test_what_was_given_out_is_never_taken_back() -> None:
    assert shown("I want", "I want to go", "I won two", "I won two goats and", "I want to go home now") == [
        "",
        "I want",
        "",
        "",
        "",
    ]
    partials = Partials()
    for look in ("I want", "I want to", "I want to go"):
        partials.add(Transcript(look, "en", (), 1.0))
    assert partials.text == "I want to"
    assert partials.rest(Transcript("I want to go.", "en", (), 1.0)) == " go."
    assert partials.rest(Transcript("I won two goats.", "en", (), 1.0)) is None


def test_chinese_goes_by_characters_and_keeps_foreign_words_whole() -> None:
    assert shown("中国的", "中国的首", "中国的首都是", language="zh") == ["", "中国的", "首"]
    assert shown("我买了iPho", "我买了iPhone手", "我买了iPhone手机", language="zh") == ["", "我买了", "iPhone手"]


def test_nothing_is_nothing() -> None:
    assert shown("", "", " ") == ["", "", ""]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_pieces_are_the_start_of_the_last_look(language: str) -> None:
    text = "为什么天空是蓝色的？" if language == "zh" else "Why is the sky blue, and not green?"
    looks = [text[:length] for length in range(1, len(text) + 1)]
    assert text.startswith("".join(shown(*looks, language=language)))
