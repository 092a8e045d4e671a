"""Words that belong to one conversation each, so that whoever sees another's is found out."""

import re
from collections.abc import Callable

_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_SYLLABLES = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
_FACTOR = 104_729
"""A prime that does not divide the number of words: neighbours look nothing like each other."""


def own_word(number: int) -> str:
    """The word of that number: four syllables, none twice below 70**4."""
    number = number * _FACTOR % len(_SYLLABLES) ** 4
    syllables = []
    for _ in range(4):
        number, rest = divmod(number, len(_SYLLABLES))
        syllables.append(_SYLLABLES[rest])
    return "".join(syllables)


class Vocabulary:
    """Gives out words and knows them again. `sound` makes a recording of a word, where the recogniser can hear one."""

    def __init__(self, sound: Callable[[int], bytes] | None = None) -> None:
        self.sound = sound
        self._numbers: dict[str, int] = {}

    def new(self) -> str:
        number = len(self._numbers) + 1
        self._numbers[own_word(number)] = number
        return own_word(number)

    def number(self, word: str) -> int:
        return self._numbers[word]

    def foreign(self, text: str, own: str) -> set[str]:
        """Words in a text that were given to somebody else."""
        return {word for word in re.findall("[a-z]+", text.lower()) if word in self._numbers} - {own}
