"""From text to the ids of Kokoro's phonemes, in three languages and in text that mixes them."""

import json
import re
import unicodedata
from functools import cache
from pathlib import Path

from deployments.sentences import is_han
from deployments.tts.espeak import TIE, Speller
from deployments.tts.mandarin import spell_chinese
from deployments.tts.written_english import spoken_english
from deployments.tts.written_spanish import spoken_spanish

LANGUAGES = ("en", "es", "zh")

_VOICES = {"en-us": "en-us", "en-gb": "en", "es": "es"}
# What Kokoro writes with one letter each, by what espeak-ng writes; its authors' convention (misaki).
_COMMON = (
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("d^z", "ʣ"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("t^s", "ʦ"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"),
)  # fmt: skip
_AMERICAN = (
    ("o^ʊ", "O"), ("ə^ʊ", "O"), ("ə^l", "ᵊl"), ("ɚ", "əɹ"), ("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""),
    ("e", "A"), ("o", "ɔ"), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɐ", "ə"), ("ɬ", "l"), ("ʔn̩", "tᵊn"), ("n̩", "ᵊn"),
    ("l̩", "ᵊl"), ("ɾ", "T"), ("ʔ", "t"), ("̃", ""),
)  # fmt: skip
_BRITISH = (
    ("ə^ʊ", "Q"), ("o^ʊ", "Q"), ("e^ə", "ɛː"), ("i^ə", "ɪə"), ("iə", "ɪə"), ("ə^l", "ᵊl"), ("ɚ", "ə"), ("e", "ɛ"),
    ("o", "ɔ"), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɐ", "ə"), ("ɬ", "l"), ("n̩", "ᵊn"), ("l̩", "ᵊl"), ("ɾ", "T"),
    ("ʔ", "t"), ("̃", ""),
)  # fmt: skip
_SPANISH = (("o^ʊ", "O"), ("ə^ʊ", "Q"), ("s^s", "S"), ("-", ""))
_MERGES = {"en-us": _COMMON + _AMERICAN, "en-gb": _COMMON + _BRITISH, "es": _COMMON + _SPANISH}

_QUOTES = str.maketrans({"«": "“", "»": "”", "‘": "'", "’": "'", "¡": " ", "¿": " ", "–": "—", "*": " ", "_": " "})
# Full-width digits, letters and signs as they are elsewhere; Chinese punctuation stays.
_NARROW = {
    code: code - 0xFEE0
    for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B), 0xFF05, 0xFF0E)
}
_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC")
# Punctuation that the model reads as rhythm, and so must not reach espeak-ng, which drops it.
_MARKS = re.compile(r'\s*((?:[;:,!?—…"()“”]|\.(?!\w)|(?<=\s)-(?=\s))+)\s*')


@cache
def vocabulary() -> dict[str, int]:
    """Ids by phoneme, as the model was trained with them."""
    loaded: dict[str, int] = json.loads((Path(__file__).parent / "kokoro_vocabulary.json").read_text("utf-8"))
    return loaded


class Phonemizer:
    """Text to phonemes, in Kokoro's alphabet."""

    def __init__(self, speller: Speller) -> None:
        self._speller = speller

    def spell(self, text: str, language: str, accent: str = "en-us") -> str:
        """Phonemes with punctuation. `accent` is the English that is spoken: en-us or en-gb.

        Chinese words within other text, and Latin words within Chinese, are read in their own language.
        Raises EngineFailed where espeak-ng does not answer.
        """
        text = speakable(text)
        if language == "zh":
            return _known(spell_chinese(text, lambda word: self._latin(word, "en", accent)))
        runs = re.findall(r"[㐀-鿿]+|[^㐀-鿿]+", text)
        spelled = [
            spell_chinese(run, lambda word: word) if is_han(run[0]) else self._latin(run, language, accent)
            for run in runs
        ]
        return _known(" ".join(spelled))

    def _latin(self, text: str, language: str, accent: str) -> str:
        text = text.translate(_QUOTES)
        text = spoken_english(text) if language == "en" else spoken_spanish(text)
        dialect = accent if language == "en" else "es"
        pieces = _MARKS.split(text)
        phrases, marks = [piece.strip() for piece in pieces[::2]], [*pieces[1::2], ""]
        asked = [phrase for phrase in phrases if re.search(r"\w", phrase)]
        answers = iter(self._speller.spell(asked, _VOICES[dialect]) if asked else [])
        spoken = [next(answers) if re.search(r"\w", phrase) else "" for phrase in phrases]
        joined = "".join(_merged(line, dialect) + _mark(mark) for line, mark in zip(spoken, marks, strict=True))
        return re.sub(r"\s+", " ", joined).strip()


def speakable(text: str) -> str:
    """`text` without what no voice here can read: signs like emoji, controls, letters of unknown scripts."""
    return "".join(letter if _readable(letter) else " " for letter in text.translate(_NARROW))


def _readable(letter: str) -> bool:
    category = unicodedata.category(letter)
    if category[0] == "L" and not is_han(letter):
        return unicodedata.name(letter, "").startswith(_SCRIPTS)
    return (category[0] != "C" and category != "So") or letter == "°"


def ids_of(phonemes: str) -> list[int]:
    """Ids of the phonemes the model knows; others have none."""
    known = vocabulary()
    return [known[phoneme] for phoneme in phonemes if phoneme in known]


def _merged(line: str, dialect: str) -> str:
    # "(en)" and the like mark words that espeak-ng read in another language.
    line = re.sub(r"\([a-z^-]+\)", "", line)
    for written, letter in _MERGES[dialect]:
        line = line.replace(written, letter)
    return line.replace(TIE, "")


def _mark(mark: str) -> str:
    if not mark:
        return ""
    mark = mark.replace("-", "—").replace("...", "…")
    opening = mark[0] in "(“"
    return f" {mark}" if opening else f"{mark} "


def _known(phonemes: str) -> str:
    known = vocabulary()
    spaced = re.sub(r"\s+", " ", "".join(letter for letter in phonemes if letter in known))
    return re.sub(r" (?=[,.!?;:…])", "", spaced).strip()
