"""What the gold set says, and what must be heard."""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from deployments.errors import NotFound

FILE = Path(__file__).with_name("phrases.json")


class Phrase(BaseModel):
    """`length`: gold for those that people have said, cut off where they were; short and medium were written for this.
    `script` is ISO 15924: Latn, or Hans for simplified Chinese. `transcript`: the words, as they should be heard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    language: str
    length: Literal["gold", "short", "medium"]
    script: Literal["Latn", "Hans"]
    text: str
    transcript: str


@cache
def phrases() -> tuple[Phrase, ...]:
    return TypeAdapter(tuple[Phrase, ...]).validate_json(FILE.read_bytes())


def chosen(only: str) -> tuple[Phrase, ...]:
    """Those whose id, language or length is among the words of `only`, which commas part; all for "". Raises NotFound
    for a word that says nothing."""
    words = [word.strip() for word in only.split(",") if word.strip()]
    for word in words:
        if not any(word in (phrase.id, phrase.language, phrase.length) for phrase in phrases()):
            known = ", ".join(phrase.id for phrase in phrases())
            raise NotFound(f"No gold phrase is {word!r}. They are: {known}; or a language, or gold, short, medium.")
    return tuple(
        phrase for phrase in phrases() if not words or not {phrase.id, phrase.language, phrase.length}.isdisjoint(words)
    )
