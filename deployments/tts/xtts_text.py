"""Texts cut into pieces that XTTS can speak: it knows a limit for each language, beyond which it mumbles or stops.

Pieces of limited length are also what keeps the cost of a text linear in its length.
"""

import importlib.util
import re

from deployments.sentences import HAN_PAUSES, HAN_STOPS, ends_sentence, pauses

CHARACTER_LIMITS = {
    "ar": 166,
    "cs": 186,
    "de": 253,
    "en": 250,
    "es": 239,
    "fr": 273,
    "hi": 150,
    "hu": 224,
    "it": 213,
    "ja": 71,
    "ko": 95,
    "nl": 251,
    "pl": 224,
    "pt": 203,
    "ru": 182,
    "tr": 226,
    "zh": 82,
}
"""Characters that XTTS-v2 speaks without fault, as published with it."""

_READERS = {"zh": "pypinyin", "ja": "cutlet"}
_SENTENCE, _CLAUSE, _WORD, _ANYWHERE = 3, 2, 1, 0
_OTHER_STOPS, _OTHER_PAUSES = "؟।", "،؛"
"""Arabic and Hindi marks."""


def speakable(languages: tuple[str, ...]) -> tuple[str, ...]:
    """Those whose reading package is installed."""
    return tuple(one for one in languages if one not in _READERS or importlib.util.find_spec(_READERS[one]) is not None)


def has_words(text: str) -> bool:
    """Whether there is anything to be said."""
    return any(character.isalnum() for character in text)


def limit_of(language: str, piece_characters: int) -> int:
    """Most characters of one piece."""
    return min(CHARACTER_LIMITS[language], piece_characters)


def split_text(text: str, limit: int) -> list[str]:
    """Pieces of at most `limit` characters with something to say in each, cut where the best mark is.

    Best is the end of a sentence, then that of a clause, then a space; what has none of them is cut hard.
    """
    rest = " ".join(text.split())
    pieces: list[str] = []
    while len(rest) > limit:
        at = _best_cut(rest, limit)
        pieces.append(rest[:at].strip())
        rest = rest[at:].strip()
    return [piece for piece in [*pieces, rest] if has_words(piece)]


def _best_cut(text: str, limit: int) -> int:
    """Not in the first quarter of what fits, so that no piece is a single word; the last of the best places."""
    fitting = [(rank, at) for at, rank in _cuts(text[: limit + 1]) if limit // 4 <= at <= limit]
    return max(fitting, default=(_ANYWHERE, limit))[1]


def _cuts(text: str) -> list[tuple[int, int]]:
    """Places where a piece may end, and how good they are."""
    found: list[tuple[int, int]] = []
    for match in re.finditer(r"\S+", text):
        word, end = match.group(), match.end()
        if end < len(text):
            stops = ends_sentence(word) or word[-1] in _OTHER_STOPS
            rank = _SENTENCE if stops else _CLAUSE if pauses(word) or word[-1] in _OTHER_PAUSES else _WORD
            found.append((end, rank))
        for offset, character in enumerate(word[:-1], match.start() + 1):
            if character in HAN_STOPS:
                found.append((offset, _SENTENCE))
            elif character in HAN_PAUSES:
                found.append((offset, _CLAUSE))
    return found
