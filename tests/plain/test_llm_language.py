"""Which language a text is in, and whether a reply slipped."""

import pytest

from deployments.llm.language import language_of, speaks


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the capital of France?", "en"),
        ("Tell me a joke", "en"),
        ("¿Cuál es la capital de Francia?", "es"),
        ("Cuéntame un chiste corto", "es"),
        ("Hola", "es"),
        ("mañana", "es"),
        ("法国的首都是哪里？", "zh"),
        ("OpenAI是什么？", "zh"),
        ("What does 你好 mean?", "en"),
        ("¿Qué significa 你好 en español?", "es"),
        ("Zürich", "en"),  # Latin letters and no cue
        ("42", "en"),
        ("", "en"),
    ],
)
def test_language_of(text: str, language: str) -> None:
    assert language_of(text) == language


def test_only_the_languages_offered_are_answered() -> None:
    assert language_of("你好", ("es", "en")) == "es"
    assert language_of("42", ("zh", "en")) == "zh"
    assert language_of("Zürich", ("zh", "en")) == "en"
    assert language_of("the cat", ("zh",)) == "zh"


@pytest.mark.parametrize(
    ("text", "language", "verdict"),
    [
        ("The", "en", None),  # "These", "Theo"
        ("The ", "en", True),
        ("Sure! ", "en", True),
        ("Paris lies ", "en", None),
        ("Paris lies beautifully here ", "en", True),
        ("El clima de Madrid ", "en", False),
        ("当", "en", None),
        ("当然可", "en", False),
        ("当然可", "es", False),
        ("Madrid tiene muchos museos hermosos ", "es", True),
        ("The weather is nice in ", "es", False),
        ("¡Hola ", "es", True),
        ("当", "zh", True),
        ("Python", "zh", None),
        ("Python是一种", "zh", True),
        ("Sure, here is a healthy breakfast for", "zh", False),
        ("Bonjour tout le monde", "fr", True),
        ("3, 2, ", "zh", None),
        ("3, 2, 1, " * 5, "zh", True),
        ("3, 2, 1, " * 5, "en", True),
    ],
)
def test_a_slip_is_seen_in_the_first_words(text: str, language: str, verdict: bool | None) -> None:
    assert speaks(text, language) is verdict


@pytest.mark.parametrize(
    ("text", "language", "verdict"),
    [("Yes", "zh", False), ("Yes", "en", True), ("42", "zh", True), ("Paris.", "es", True), ("是", "en", False)],
)
def test_a_whole_reply_is_always_judged(text: str, language: str, verdict: bool) -> None:
    assert speaks(text, language, whole=True) is verdict
