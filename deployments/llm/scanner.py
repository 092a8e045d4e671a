"""Characters in, speakable characters out: the base of the markup filter.

A scanner is a generator that asks for one character at a time. What it says depends on the characters alone
and not on how they were cut into pieces, whatever the markup.
"""

from collections import deque
from collections.abc import Generator

from deployments.sentences import PAUSES, STOPS, is_han

Reading = Generator[None, str, str]
"""Asks for characters, returns one: the next that is not yet dealt with. "" is the end of the text."""

SPACE, PAUSE, STOP = 1, 2, 3
"""What stands between two pieces of text that markup or white space parts."""

_HUGGING = ",.!?;:)]”’" + "，。！？；：、）】》"
"""Punctuation that keeps no space before it where something was dropped there."""


class Scanner:
    """Reads ahead, takes back, and says. `after`: text that was already said, which this one continues."""

    def __init__(self, after: str = "") -> None:
        self._unread: deque[str] = deque()
        self._said: list[str] = []
        self._gap = 0
        self._dropped = False
        self.last = after[-1:]
        """The last character said."""

    def read(self) -> Reading:
        """The next character."""
        if self._unread:
            return self._unread.popleft()
        return (yield)

    def unread(self, text: str) -> None:
        """Give characters back, to be read again."""
        self._unread.extendleft(reversed(text))

    def read_run(self, character: str) -> Generator[None, str, tuple[int, str]]:
        """Counts a run of one character, its first already read; returns its length and what follows."""
        count = 1
        while (following := (yield from self.read())) == character:
            count += 1
        return count, following

    def read_until(self, ends: str, longest: int) -> Generator[None, str, tuple[str, str]]:
        """Text up to one of `ends`, a line's end or the end: the text, and the end that was met.

        The end met is "" at the text's end, and where `longest` characters went by.
        """
        text = ""
        while len(text) < longest:
            character = yield from self.read()
            if not character or character in ends or character == "\n":
                return text, character
            text += character
        return text, ""

    def pause(self, gap: int) -> None:
        """Let at least this much stand before what is said next."""
        self._gap = max(self._gap, gap)

    def drop(self) -> None:
        """Note that something was left out here."""
        self._dropped = True

    @property
    def at_sentence_start(self) -> bool:
        return not self.last or self.last in STOPS or self._gap == STOP

    def say(self, text: str) -> None:
        """Speakable characters, with what stands before them."""
        for character in text:
            if character.isspace():
                self.pause(SPACE)
                continue
            if self.last and not self.last.isspace():
                self._separate(character)
            self._gap, self._dropped = 0, False
            self._said.append(character)
            self.last = character

    def take_said(self) -> str:
        said = "".join(self._said)
        self._said.clear()
        return said

    def _separate(self, character: str) -> None:
        if not self._gap or (self._gap == SPACE and self._dropped and character in _HUGGING):
            return
        han = is_han(self.last) or self.last in "，。！？；：、”）"
        if self._gap > SPACE and self.last not in STOPS + PAUSES and character not in _HUGGING:
            marks = "，。" if han else ",."
            self._said.append(marks[self._gap - PAUSE])
        if not (han and self._gap > SPACE):
            self._said.append(" ")
