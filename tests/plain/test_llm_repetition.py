"""Text that begins with what was said before."""

import random

import pytest

from deployments.llm.repetition import Repetition


@pytest.mark.parametrize(
    ("said", "text", "fresh"),
    [
        ("The sea is", " wide.", " wide."),
        ("The sea is", "The sea is wide.", " wide."),
        ("The sea is ", "\nThe sea is wide.", " wide."),
        ("The sea is", "The sea was wide.", "The sea was wide."),
        ("", "The sea", "The sea"),
        ("The sea", "The", ""),
        ("The", " The end", " end"),
    ],
)
def test_a_repetition_goes_however_it_is_split(said: str, text: str, fresh: str) -> None:
    chance = random.Random(2)
    for _ in range(20):
        cuts = sorted(chance.choices(range(len(text) + 1), k=3))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        repetition = Repetition(said)
        assert "".join(map(repetition.take, pieces)) == fresh


def test_only_what_may_be_a_repetition_is_held() -> None:
    repetition = Repetition("The sea is")
    assert repetition.take("The") == ""
    assert repetition.take(" river") == "The river"
