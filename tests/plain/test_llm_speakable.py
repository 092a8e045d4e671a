"""Markup out, speech in; the same for every split."""

import random

import pytest

from deployments.llm.speakable import Speakable

CASES = [
    ("Plain words pass, all of them.", "Plain words pass, all of them."),
    ("**Hello** there, __you__! How are *you*? 😊", "Hello there, you! How are you?"),
    ("*smiles warmly* Hello!\n*waves*", "Hello!"),
    ("*Hamlet* is a play.", "Hamlet is a play."),
    ("*An open asterisk, never closed", "An open asterisk, never closed"),
    ("# Title\nSome text.", "Title. Some text."),
    ("We need:\n\n- milk\n- **bread**\n* eggs\n\nThat is all.", "We need: milk, bread, eggs. That is all."),
    ("1. First\n2. Second: thing\n3) Third.", "First, Second: thing, Third."),
    ("7. That is my number. I was born in\n1984. Yes.", "7. That is my number. I was born in 1984. Yes."),
    ("Here:\n```python\nprint('x')\n```\nThat's it.", "Here: That's it."),
    ("Type `make`, ~~not~~ snake_case _now_.", "Type make, not snake case now."),
    ("See [the docs](https://a.b/c?d=(e)) [1].", "See the docs)."),
    ("See [the docs](https://a.b/c?d) [1].", "See the docs."),
    ("Look at https://www.example.com/path/x?y=1. Then www.foo.org, ok?", "Look at example.com. Then foo.org, ok?"),
    ("<b>Bold</b>, <https://foo.bar/z> and ![picture](http://x)done<|im_end|>", "Bold, foo.bar and done"),
    ("| Name | Age |\n|---|:-:|\n| Ann | 7 |\n\nEnd", "Name, Age. Ann, 7. End"),
    ("> Quoted\n> text.\n---\nRest", "Quoted text. Rest"),
    ("Hi! 🇪🇸👨‍👩‍👧 bye 1️⃣ and 20 °C ☀️.", "Hi! bye 1 and 20 °C."),
    ("It is 5:30; fine :-) thanks :) <3", "It is 5:30; fine thanks"),
    ("-5 degrees, 3.5 -- or a < b, a → b", "-5 degrees, 3.5 -- or a < b, a, b"),
    ("  how what http h w  ", "how what http h w"),
    ("One\n\nTwo\nThree", "One. Two Three"),
    ("¡Hola! **Claro** que sí.\n1. Pan\n2. Agua", "¡Hola! Claro que sí. Pan, Agua"),
    ("你好😊！\n\n1. **苹果**\n2. 香蕉\n\n再见。", "你好！苹果，香蕉。再见。"),
    ("*微笑* 你好，看https://a.cn/b吧", "你好，看a.cn吧"),
    ("[not a link, never closed", "not a link, never closed"),
    ("a" * 70 + " *" + "b" * 70, "a" * 70 + " " + "b" * 70),
    ("", ""),
    ("😊", ""),
]


@pytest.mark.parametrize(("written", "said"), CASES)
def test_markup_is_not_said(written: str, said: str) -> None:
    speakable = Speakable()
    assert speakable.feed(written) + speakable.end() == said


@pytest.mark.parametrize("written", [written for written, _ in CASES])
def test_any_split_says_the_same(written: str) -> None:
    def said(pieces: list[str]) -> str:
        speakable = Speakable()
        return "".join(map(speakable.feed, pieces)) + speakable.end()

    whole = said([written])
    assert said(list(written)) == whole
    chance = random.Random(3)
    for _ in range(30):
        cuts = sorted(chance.choices(range(len(written) + 1), k=6))
        pieces = [written[a:b] for a, b in zip([0, *cuts], [*cuts, len(written)], strict=True)]
        assert said(pieces) == whole


def test_random_markup_never_breaks_it_and_any_split_says_the_same() -> None:
    chance = random.Random(11)
    alphabet = [*"ab *_`~[]()<>#|-+.!:;)12\n\n hw你。😊", "https://", "**", "```", "1. ", "- "]
    for _ in range(400):
        written = "".join(chance.choices(alphabet, k=30))
        whole, single = Speakable(), Speakable()
        expected = whole.feed(written) + whole.end()
        assert "".join(map(single.feed, written)) + single.end() == expected


def test_plain_words_are_not_held_back() -> None:
    speakable = Speakable()
    assert speakable.feed("Hello") == "Hello"
    assert speakable.feed(", how") == ", how"
    assert speakable.feed(" are **you**") == " are you"


def test_a_reply_goes_on_from_what_was_said() -> None:
    speakable = Speakable(after="The sea is")
    assert speakable.feed(" *very* blue") == " very blue"
    assert Speakable(after="The sea is ").feed(" blue") == "blue"
    assert Speakable(after="Count:").feed(" 1. one") == " 1. one"  # not the start of a line
