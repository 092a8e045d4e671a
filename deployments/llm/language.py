"""Which language a text is in: Chinese by its script, English and Spanish by their commonest words.

Small models slip into the language they were trained on most. A slip is seen in the first words of a reply,
before anything was emitted.
"""

import re
from collections.abc import Sequence

from deployments.sentences import is_han

ENGLISH_NAMES = {"en": "English", "es": "Spanish", "zh": "Chinese"}
"""ISO 639-1 code to the language's English name, for prompts."""

_LETTERS_PER_HAN = 3
"""A Chinese character weighs as much as this many letters: names in Latin script do not outweigh a sentence."""
_LATIN_BEFORE_CHINESE = 24
"""Letters after which a reply that has no Chinese character yet is taken as not Chinese."""
_WORDS_TO_JUDGE = 4
"""Words after which a reply in Latin script is judged by what was seen."""
_CHARACTERS_TO_JUDGE = 40
"""Characters after which a reply of numbers and signs is let pass."""

_EN = """
the is are was were am an and of to in that it you your yours my i i'm it's you're they we he she this these those
for with on have has had can could would should will do does did not don't what how who where when why which from by
be or but if there here about some any let's me tell give want know us yes sure hello hi hey sorry thank thanks please
"""
_ES = """
el la los las un una unos unas es son está están soy estoy eres y de del en que qué por para con su sus tu tus mi mis
se lo le les me te nos como cómo cuál quién dónde cuándo muy más pero si sí hay fue ha han al o sin sobre también este
esta estos estas ese esa puedo puedes puede hola claro gracias buenos buenas lamento siento soy quiero tengo favor
dime cuéntame
"""
_CUES = {"en": frozenset(_EN.split()), "es": frozenset(_ES.split())}
_SPANISH_LETTERS = re.compile(r"[ñ¿¡]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def language_of(text: str, languages: Sequence[str] = ("en", "es", "zh")) -> str:
    """The one of `languages` (ISO 639-1) that the text is in; the first of them where nothing tells."""
    han, latin = _letters(text)
    if "zh" in languages and han and han * _LETTERS_PER_HAN >= latin:
        return "zh"
    spaced = [language for language in languages if language != "zh"] or list(languages)
    scores = {language: _score(text, language) for language in spaced}
    best = max(spaced, key=lambda language: scores[language])
    return best if scores[best] else (spaced[0] if latin else languages[0])


def speaks(text: str, language: str, whole: bool = False) -> bool | None:
    """Whether a reply that begins with `text` is in `language`; None while that cannot be told.

    `whole` says that no text follows. A language this module does not know is never doubted.
    """
    if language not in ENGLISH_NAMES:
        return True
    han, latin = _letters(text)
    chinese = bool(han) and han * _LETTERS_PER_HAN >= latin
    if not han and not latin:
        return True if whole or len(text) >= _CHARACTERS_TO_JUDGE else None
    if language == "zh":
        if chinese:
            return True
        return False if whole or latin >= _LATIN_BEFORE_CHINESE else None
    if chinese and (han > 1 or whole):
        return False
    known = text if whole else _complete(text)
    own, other = _score(known, language), _score(known, "es" if language == "en" else "en")
    if own > other:
        return True
    if whole or len(_WORD.findall(known)) >= _WORDS_TO_JUDGE:
        return not (other >= 2 and own == 0)
    return None


def _letters(text: str) -> tuple[int, int]:
    """Counts of Chinese characters and of letters of the Latin script."""
    han = sum(map(is_han, text))
    return han, sum(character.isalpha() and ord(character) < 0x250 for character in text)


def _score(text: str, language: str) -> int:
    cues = _CUES.get(language, frozenset())
    lower = text.lower().replace("’", "'")
    found = sum(word in cues for word in _WORD.findall(lower))
    return found + (2 if language == "es" and _SPANISH_LETTERS.search(lower) else 0)


def _complete(text: str) -> str:
    """The text without the word it stops in, which may go on."""
    return re.sub(r"[^\W_][^\s]*$", "", text)
