"""Text to atoms, the smallest pieces of a clause: a spaced word or one Chinese character, with its punctuation."""

from dataclasses import dataclass

from deployments.sentences import CLOSERS, HAN_PAUSES, HAN_STOPS, ends_sentence, is_han, pauses

_OPENERS = "“‘（《「『【"
_BREAKING = HAN_STOPS + HAN_PAUSES + "—"
"""After these a new atom begins without a space."""
_LONGEST_ATOM = 80
"""Characters. No voice takes an endless word."""


@dataclass(frozen=True, slots=True)
class Atom:
    """`spaced`: whitespace stood before it. `spoken`: holds a letter or digit. `han`: a Chinese character."""

    text: str
    spaced: bool
    spoken: bool
    han: bool
    stops: bool
    pauses: bool


class Atomizer:
    """Characters in, atoms out as soon as they are known to be complete: when the next one begins."""

    def __init__(self) -> None:
        self._text = ""
        self._spaced = False
        self._opens = True

    def take(self, character: str) -> Atom | None:
        """The atom that this character completes, if it does."""
        if character.isspace():
            atom = self.end()
            self._spaced = True
            return atom
        done = self.end() if self._text and self._begins(character) else None
        self._text += character
        return done

    def end(self) -> Atom | None:
        """The atom under way, taken as complete."""
        if not self._text:
            return None
        text, spaced, opens = self._text, self._spaced, self._opens
        self._text, self._spaced = "", False
        spoken = any(character.isalnum() for character in text)
        stops = ends_sentence(text, opens)
        self._opens = stops or (opens and not spoken)
        return Atom(text, spaced, spoken, any(map(is_han, text)), stops, pauses(text))

    def _begins(self, character: str) -> bool:
        if len(self._text) >= _LONGEST_ATOM:
            return True
        last = self._text[-1]
        if last in _OPENERS:
            return False
        if is_han(character) or character in _OPENERS:
            return True
        if not character.isalnum():
            return False
        return is_han(last) or last in _BREAKING or (last in CLOSERS and any(map(is_han, self._text)))
