"""Words as they are heard: how many of them are wrong, and in which script they are written."""

import re
import unicodedata

from benchmarks.text import edits, simplified
from deployments.sentences import is_han

SPACELESS = frozenset({"zh"})
"""Written without spaces: there an error is a wrong character (CER), elsewhere a wrong word (WER)."""
SHARE_IN_SCRIPT = 0.8
"""Names may be written in another script."""


def units(text: str, language: str) -> list[str]:
    """The words of a text, for Chinese its characters, without case, punctuation and width."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    plain = re.sub(r"(?<=\w)\.(?=\w\b)", "", plain)  # D.C. is one word
    plain = re.sub(r"[^\w' ]|(?<!\w)'|'(?!\w)", " ", plain)
    if language in SPACELESS:
        return list(re.sub(r"[\s']", "", simplified(plain)))
    return plain.split()


def error_rate(meant: str, heard: str, language: str) -> float:
    """Edits over the number of words that were meant: WER, for Chinese CER. Raises ValueError where none were."""
    expected = units(meant, language)
    if not expected:
        raise ValueError("nothing was meant to be said")
    return edits(expected, units(heard, language)) / len(expected)


def script_of(text: str) -> str:
    """Latn, Hans, Hant for Chinese of which some is written in traditional characters, or "" for none of them."""
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return ""
    han = sum(map(is_han, letters)) / len(letters)
    if han >= SHARE_IN_SCRIPT:
        return "Hans" if simplified(text) == text else "Hant"
    latin = sum("LATIN" in unicodedata.name(character, "") for character in letters) / len(letters)
    return "Latn" if latin >= SHARE_IN_SCRIPT else ""
