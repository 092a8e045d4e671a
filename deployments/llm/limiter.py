"""Ends a reply with a sentence: after so many of them, or before a limit would cut one."""

from deployments.llm.settings import ReplyLimits
from deployments.sentences import CLOSERS, HAN_STOPS, PAUSES, STOPS, ends_sentence, is_han

_TAIL_TOKENS = 6
"""With so few tokens left a word is held until it is complete: the limit may cut it in two."""
_CHARACTERS_PER_TOKEN = 4
"""Rough, for text of this reply that was emitted before by another replica."""


class Limiter:
    """Speakable text in, text within the limits out; `done` says that the rest is not wanted.

    `max_tokens` is the hard limit of this reply. `after` was already emitted and counts.
    """

    def __init__(self, limits: ReplyLimits, max_tokens: int, after: str = "") -> None:
        self._limits = limits
        self._tokens_left = max_tokens
        self._characters = 0
        self._sentences = 0
        self._word = ""
        self._opens = True
        self._held = ""
        self._last = ""
        self.done = False
        self.take(after, tokens=len(after) // _CHARACTERS_PER_TOKEN)
        self._held = ""

    def take(self, text: str, tokens: int = 1) -> str:
        """What of `text` may be emitted."""
        self._tokens_left -= tokens
        out = ""
        for character in text:
            if self.done:
                break
            out += self._step(character)
        return out

    def end(self, cut: bool) -> str:
        """The last of it. `cut`: the model was stopped by its limit, in the middle of a word perhaps."""
        if self.done:
            return ""
        held, self._held = self._held, ""
        return _closing(self._last) if cut else held

    def _step(self, character: str) -> str:
        if self._ends_here(character):
            self._sentences += 1
            self._opens = True
            if self._enough():
                self.done = True
                return ""
        if character.isspace():
            self._opens = self._opens and not self._word.strip(CLOSERS)
            self._word = ""
        elif is_han(character):
            self._word = character
        else:
            self._word += character
        self._characters += 1
        if self._characters > self._limits.max_characters and (character.isspace() or is_han(character)):
            self.done = True
            return self._held + _closing(self._held or self._last)
        return self._release(character)

    def _release(self, character: str) -> str:
        """The character, or nothing while the word it belongs to may still be cut."""
        if self._tokens_left >= _TAIL_TOKENS or character in STOPS or is_han(character):
            released, self._held = self._held + character, ""
        elif character.isspace():
            released, self._held = self._held, character
        else:
            released, self._held = "", self._held + character
        self._last = released.rstrip()[-1:] or self._last
        return released

    def _ends_here(self, character: str) -> bool:
        """Whether a sentence ended before this character."""
        bare = self._word.rstrip(CLOSERS)
        if character.isspace():
            return bool(self._word) and ends_sentence(self._word, self._opens)
        return bool(bare) and bare[-1] in HAN_STOPS and character not in STOPS + CLOSERS

    def _enough(self) -> bool:
        return (
            self._sentences >= self._limits.max_sentences
            or self._tokens_left < self._limits.reserve_tokens
            or self._characters >= self._limits.max_characters
        )


def _closing(text: str) -> str:
    """The stop that an unfinished sentence lacks; none after punctuation."""
    last = text.rstrip()[-1:]
    if not last or last in STOPS + PAUSES + CLOSERS:
        return ""
    return "。" if is_han(last) else "."
