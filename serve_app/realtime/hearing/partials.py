"""What may be shown of a sentence that is not over: words that two looks in a row agreed upon.

LocalAgreement-2 (Macháček, Dabre, Bojar 2023, "Turning Whisper into Real-Time Transcription System", §3.1).
"""

import re
import unicodedata

from deployments.contracts import Transcript

_UNSPACED = frozenset({"zh", "yue", "ja", "th"})


class Partials:
    """Successive transcripts of one growing utterance in, text that no longer changes out. Made for one utterance."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._last: list[str] = []

    @property
    def text(self) -> str:
        """All that was given out so far."""
        return "".join(self._said)

    def add(self, transcript: Transcript) -> str:
        """A longer look at the same utterance; what of its text is now certain and was not before ("" if none).

        The last word of a look may be half a word and is never certain. What was given out once is never taken back:
        where a later look disagrees with it, nothing more is given out until one agrees again.
        """
        words = _words(transcript)
        before, self._last = self._last, words
        agreed = _common(before, words[:-1])
        if agreed <= len(self._said) or _common(self._said, words) < len(self._said):
            return ""
        new = words[len(self._said) : agreed]
        self._said += new
        return "".join(new)

    def rest(self, transcript: Transcript) -> str | None:
        """What the final transcript adds to what was given out; None where it says something else."""
        words = _words(transcript)
        if _common(self._said, words) < len(self._said):
            return None
        return "".join(words[len(self._said) :])


def _words(transcript: Transcript) -> list[str]:
    """Words with the space before them; in unspaced languages single characters. Joined they are the text."""
    pattern = r"\s*[A-Za-z0-9]+|\s*." if transcript.language in _UNSPACED else r"\s*\S+"
    return re.findall(pattern, transcript.text.strip(), re.DOTALL)


def _common(one: list[str], other: list[str]) -> int:
    """How many words from the start say the same, case and punctuation apart."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if _bare(a) != _bare(b):
            break
        count += 1
    return count


def _bare(word: str) -> str:
    return "".join(c for c in word.casefold() if unicodedata.category(c)[0] not in "PSZ")
