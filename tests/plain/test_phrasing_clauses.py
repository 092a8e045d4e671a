"""Reply text to clauses."""

import random

import pytest
from pydantic import ValidationError

from serve_app.phrasing import Phraser, PhrasingSettings

TEXTS = [
    ("en", "Sure, I can help you with that. What would you like to know about the sea today?"),
    ("en", "Mr. Smith paid 3.5 dollars, e.g. for tea, to J. R. Jones. He left at noon, because it was late."),
    ("en", 'She said: "Come in!" and then – without a word – 1. opened the door, 2. sat down… and slept?!  Well.\nYes'),
    ("es", "¡Claro! Puedo ayudarte con eso. En Madrid te recomiendo visitar el Museo del Prado y el Retiro."),
    ("es", "La Sra. López vive en EE.UU. desde 1990. ¿Y tú? Pues, la verdad, no lo sé; depende del día."),
    ("zh", "你好！我是小艾，很高兴认识你。他说：“早餐吃什么？！”我推荐燕麦粥和OpenAI 3.5版……因为它们健康又容易准备。"),
    ("zh", "我推荐你试试深呼吸和轻松的散步来缓解工作压力"),
    ("en", "你好 is Chinese for hello，and 再见 for goodbye。OK?"),
    ("en", "https://example.com/" + "never/ends/" * 40 + " now"),
]


def clauses(language: str, pieces: list[str], settings: PhrasingSettings | None = None) -> list[str]:
    phraser = Phraser(language, settings)
    found = [clause for piece in pieces for clause in phraser.feed(piece)]
    return found + phraser.end()


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(("language", "text"), TEXTS)
def test_any_split_gives_the_same_clauses(language: str, text: str) -> None:
    whole = clauses(language, [text])
    assert clauses(language, list(text)) == whole
    chance = random.Random(5)
    for _ in range(40):
        cuts = sorted(chance.sample(range(len(text) + 1), k=min(9, len(text))))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert clauses(language, pieces) == whole


@pytest.mark.parametrize(("language", "text"), TEXTS)
def test_nothing_is_lost_and_nothing_is_empty(language: str, text: str) -> None:
    found = clauses(language, [text])
    assert squeezed("".join(found)) == squeezed(text)
    assert all(clause.strip() == clause and clause for clause in found)


@pytest.mark.parametrize(
    ("language", "text", "first"),
    [
        ("en", "Hello! How are you doing today?", "Hello!"),
        ("en", "Sure, I can help you with that.", "Sure, I can help you"),  # not "Sure," nor "... I can help"
        ("en", "The capital of France is Paris.", "The capital of France"),  # not after "is"
        ("en", "Yes.", "Yes."),
        ("en", "Mr. Smith is here.", "Mr. Smith is here."),
        ("en", "1. Boil the water for tea.", "1. Boil the water"),
        ("en", "It costs 3.5 dollars, I think.", "It costs 3.5 dollars,"),
        ("en", "J. R. Jones is my oldest friend in town.", "J. R. Jones"),
        ("en", "I'm sorry to hear that. Rest well.", "I'm sorry to hear that."),
        ("es", "¡Claro! Puedo ayudarte con eso.", "¡Claro! Puedo ayudarte con eso."),
        ("es", "Para descansar, da un paseo.", "Para descansar,"),
        ("zh", "你好！我是小艾，很高兴认识你。", "你好！我是小艾，"),
        ("zh", "我推荐你试试深呼吸和轻松的散步来缓解压力", "我推荐你试试深呼吸"),  # not inside 轻松的
    ],
)
def test_the_first_clause_is_short_and_sounds_right(language: str, text: str, first: str) -> None:
    assert clauses(language, [text])[0] == first


@pytest.mark.parametrize("word", ["Mr.", "Dr.", "e.g.", "J.", "U.S."])
def test_an_abbreviation_ends_no_clause(word: str) -> None:
    found = clauses("en", [f"Yesterday in town we met {word} Whoever came along and we all talked for a long time."])
    assert not any(clause.endswith(word) for clause in found)


def test_a_clause_is_given_as_soon_as_its_end_is_certain() -> None:
    phraser = Phraser("en")
    assert phraser.feed("Taking a walk,") == []  # 3,5 would go on
    assert phraser.feed(" it") == ["Taking a walk,"]
    chinese = Phraser("zh")
    assert chinese.feed("今天天气很好，") == []  # a closing quote would still belong to it
    assert chinese.feed("我") == ["今天天气很好，"]


def test_no_long_clause_ends_after_a_leaning_word() -> None:
    text = "We walked slowly through the old town and over the bridge to the park near the river where " * 4
    for clause in clauses("en", [text])[:-1]:
        assert clause.split()[-1] not in {"the", "to", "over", "through", "and", "where", "near"}


def test_flush_gives_whole_words_and_the_rest_follows() -> None:
    phraser = Phraser("en")
    assert phraser.flush() == []
    phraser.feed("Walking hel")
    assert phraser.flush() == ["Walking"]
    assert phraser.feed("ps a lot. ") == ["helps a lot."]
    assert phraser.end() == []


def test_an_ended_phraser_starts_over() -> None:
    phraser = Phraser("en")
    first = phraser.feed("Taking a walk, you relax.") + phraser.end()
    assert phraser.feed("Taking a walk, you relax.") + phraser.end() == first


LONG = "The quick brown fox jumps happily while seventeen lazy dogs watch from beside that enormous wooden barn " * 3


def test_growth_and_limits_change_the_lengths() -> None:
    def lengths(**knobs: float) -> list[int]:
        return [len(clause.split()) for clause in clauses("en", [LONG], PhrasingSettings(**knobs))]

    usual = lengths()
    assert usual[0] <= 4 and max(usual) <= 16
    assert lengths(growth=1.0)[3] < usual[3]
    assert max(lengths(max_words=8)) <= 8
    assert lengths(first_max_words=8)[0] > usual[0]


def test_stretch_waits_for_punctuation() -> None:
    text = "Take a walk, because every tired body deserves some quiet rest. Good."  # 4 words, then 8: two over 1.6 × 4
    assert clauses("en", [text], PhrasingSettings(stretch=1.6))[1].endswith("quiet rest.")
    assert not clauses("en", [text], PhrasingSettings(stretch=1.0))[1].endswith("quiet rest.")


def test_shortest_lengths_change_the_clauses() -> None:
    text = "Oh, well, I see. Right. Let me think about it, then."
    assert clauses("en", [text], PhrasingSettings(first_min_words=1))[0] == "Oh,"
    assert clauses("en", [text])[0] == "Oh, well,"
    assert "Right." in clauses("en", [text], PhrasingSettings(min_words=1))
    assert "Right." not in clauses("en", [text])


def test_chinese_has_its_own_lengths() -> None:
    text = "好，我们走。行。这是一个没有标点符号但是非常非常长的句子用来测试最长的长度到底有没有起作用"
    assert clauses("zh", [text], PhrasingSettings(first_min_characters=1))[0] == "好，"
    assert "行。" in clauses("zh", [text], PhrasingSettings(min_characters=1))
    short = clauses("zh", [text], PhrasingSettings(max_characters=10))
    assert max(map(len, short)) <= 12 < max(map(len, clauses("zh", [text])))
    assert len(clauses("zh", ["没有标点符号但是非常非常长的句子"], PhrasingSettings(first_max_characters=14))[0]) > 9


def test_settings_are_strict() -> None:
    with pytest.raises(ValidationError, match="over its longest"):
        PhrasingSettings(first_min_words=9)
    with pytest.raises(ValidationError):
        PhrasingSettings(words=3)  # type: ignore[call-arg]
