"""What a language model writes, as it would be said: markdown, code, lists, links, emoji and stage directions go.

Nothing is held back longer than its meaning is open: plain words pass at once.
"""

import re
import unicodedata
from collections.abc import Generator

from deployments.llm.scanner import PAUSE, SPACE, STOP, Reading, Scanner
from deployments.sentences import is_han

_LONGEST_DIRECTION = 60
"""Characters between two asterisks that may be a stage direction (*smiles*)."""
_LONGEST_LINK = 300
_ADDRESS = re.compile(r"(?:https?://|www\.)", re.IGNORECASE)
_STARTS_OF_ADDRESSES = ("http://", "https://", "www.")
_HOST = re.compile(r"(?:https?://)?(?:www\.)?([^/?#:]+)", re.IGNORECASE)
_TABLE_RULE = re.compile(r"[\s|:\-]*")
_BULLETS = "-+*•·◦▪‣"
_FACE = re.compile(r"[:;]-?[)(DPp]")


class Speakable:
    """Pieces of a reply in, the speakable text in them out. `after` is text of this reply already said."""

    def __init__(self, after: str = "") -> None:
        self._scanner = _Markup(after)
        self._reading = self._scanner.scan()
        next(self._reading)

    def feed(self, piece: str) -> str:
        """What can be said now. The pieces joined are the same for every split of the same text."""
        for character in piece:
            self._reading.send(character)
        return self._scanner.take_said()

    def end(self) -> str:
        """What was held back, now that nothing follows."""
        try:
            while True:
                self._reading.send("")
        except StopIteration:
            return self._scanner.take_said()


class _Markup(Scanner):
    def __init__(self, after: str) -> None:
        super().__init__(after)
        self._before = after[-1:]  # the last character read, said or not
        self._number = 0  # of the last item of a numbered list
        self._line_gap = SPACE  # what the end of this line means
        self._starts_line = not after

    def scan(self) -> Generator[None, str, None]:
        character = yield from self.read()
        while character:
            if self._starts_line:
                character = yield from self._line(character)
                self._starts_line = False
            else:
                before, self._before = self._before, character
                character = yield from self._inline(character, before)

    def _line(self, character: str) -> Reading:
        """The marks that only mean something at the start of a line."""
        while character and character in " \t>":
            character = yield from self.read()
        if character == "|":
            return (yield from self._row())
        if character == "#":
            self._line_gap = STOP
            self.pause(STOP)
            _, character = yield from self.read_run("#")
            return character
        if character and character in _BULLETS:
            return (yield from self._bullet(character))
        if character.isdigit():
            return (yield from self._numbered(character))
        return character

    def _bullet(self, mark: str) -> Reading:
        following = yield from self.read()
        if following.isspace() and following != "\n":
            self._item()
            return following
        if mark in "-+*" and following != mark:
            self.unread(following)
            return mark
        if mark in "-+":  # a rule, or a dash of two
            _, following = yield from self.read_run(mark)
            return following
        self.unread(following)
        return mark

    def _numbered(self, digits: str) -> Reading:
        while (following := (yield from self.read())).isdigit():
            digits += following
        if following and following in ".)、" and len(digits) <= 2 and int(digits) == self._number + 1:
            gap = yield from self.read()
            if gap.isspace() or following == "、":
                self._number += 1
                self._item()
                return gap
            following += gap
        self.say(digits)
        self._before = digits[-1]
        self.unread(following[1:])
        return following[:1]

    def _item(self) -> None:
        self._line_gap = PAUSE
        self.pause(PAUSE)

    def _row(self) -> Reading:
        """A row of a table, its cells parted by commas; the rule under the head is dropped."""
        row, end = yield from self.read_until("", _LONGEST_LINK)
        self._line_gap = STOP
        if _TABLE_RULE.fullmatch(row):
            return end
        self.pause(STOP)
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        self.unread(", ".join(filter(None, cells)) + end)
        return (yield from self.read())

    def _inline(self, character: str, before: str) -> Reading:
        if character == "\n":
            return (yield from self._newline())
        if character == "*":
            return (yield from self._asterisks())
        if character in "`~":
            return (yield from self._fence(character))
        if character == "[":
            return (yield from self._link())
        if character == "!":
            return (yield from self._exclamation())
        if character == "<":
            return (yield from self._tag())
        if character in ":;":
            return (yield from self._face(character, before))
        if character in "hHwW" and not (before.isalnum() and not is_han(before)):
            return (yield from self._address(character))
        if character == "_":
            return (yield from self._underscore(before))
        self._plain(character)
        return (yield from self.read())

    def _plain(self, character: str) -> None:
        if character == "|" or "←" <= character <= "⇿":  # a pause in what is said, as an arrow is
            self.pause(PAUSE)
        elif character in "#\\^" or _unspeakable(character):
            self.drop()
        else:
            self.say(character)

    def _underscore(self, before: str) -> Reading:
        following = yield from self.read()
        if before.isalnum() and following.isalnum():
            self.pause(SPACE)
        return following

    def _newline(self) -> Reading:
        self.pause(self._line_gap)
        self._line_gap, self._starts_line = SPACE, True
        following = yield from self.read()
        while following.isspace():
            if following == "\n":
                self.pause(STOP)
            following = yield from self.read()
        return following

    def _asterisks(self) -> Reading:
        count, following = yield from self.read_run("*")
        if count > 1 or not self.at_sentence_start or following.isspace() or not following:
            self.drop()
            return following
        self.unread(following)
        text, end = yield from self.read_until("*", _LONGEST_DIRECTION)
        if end != "*":
            self.unread(text + end)
            return (yield from self.read())
        blank, following = "", (yield from self.read())
        while following.isspace():
            blank += following
            following = yield from self.read()
        direction = not following or (bool(blank) and not following.islower())
        self.drop()
        self.unread(("" if direction else text) + blank + following)
        return (yield from self.read())

    def _fence(self, mark: str) -> Reading:
        """Code between fences is not said; a backtick or a tilde alone is dropped."""
        count, following = yield from self.read_run(mark)
        self.drop()
        if count < 3:
            return following
        run = 0
        while following and run < 3:
            run = run + 1 if following == mark else 0
            following = yield from self.read()
        while following == mark:
            following = yield from self.read()
        self.pause(STOP)
        return following

    def _link(self) -> Reading:
        """[text](address), [text][reference], [1]: the text, if it is one."""
        text, end = yield from self.read_until("]", _LONGEST_LINK)
        if end != "]":
            self.unread(text + end)
            return (yield from self.read())
        following = yield from self.read()
        if following and following in "([":
            _, end = yield from self.read_until(")" if following == "(" else "]", _LONGEST_LINK)
            following = end if end == "\n" else (yield from self.read())
        mark = text.strip().lstrip("^").isdigit() or text.strip() in ("", "x", "X")
        self.drop()
        self.unread(("" if mark else text) + following)
        return (yield from self.read())

    def _exclamation(self) -> Reading:
        following = yield from self.read()
        if following != "[":
            self.say("!")
            return following
        _, end = yield from self.read_until("]", _LONGEST_LINK)  # a picture: not said
        following = yield from self.read()
        if end == "]" and following == "(":
            _, end = yield from self.read_until(")", _LONGEST_LINK)
            following = end if end == "\n" else (yield from self.read())
        self.drop()
        return following

    def _tag(self) -> Reading:
        following = yield from self.read()
        if following == "3":  # a heart
            self.drop()
            return (yield from self.read())
        if not (following.isalpha() or (following and following in "/|!")):
            self.say("<")
            return following
        text, end = yield from self.read_until(">", _LONGEST_LINK)
        text = following + text
        if end == ">" and _ADDRESS.match(text):
            self.unread(text + " ")
        elif end != ">":
            self.unread(text + end)
        self.drop()
        return (yield from self.read())

    def _face(self, mark: str, before: str) -> Reading:
        """:-) and its like, where a word could begin; else a colon or a semicolon."""
        text = mark
        if not before or before.isspace():
            while len(text) < 3 and (following := (yield from self.read())):
                text += following
                if _FACE.fullmatch(text):
                    self.drop()
                    return (yield from self.read())
                if following != "-":
                    break
        self.unread(text[1:])
        self.say(mark)
        return (yield from self.read())

    def _address(self, first: str) -> Reading:
        """The host of an address; any other word passes."""
        text = first
        while not _ADDRESS.fullmatch(text):
            following = yield from self.read()
            text += following
            if not following or not any(start.startswith(text.lower()) for start in _STARTS_OF_ADDRESSES):
                self.say(first)
                self.unread(text[1:])
                return (yield from self.read())
        following = yield from self.read()
        while following and not following.isspace() and following not in "()[]<>\"'" and ord(following) < 0x2000:
            text += following
            following = yield from self.read()
        address = text.rstrip(".,!?;:*_`")
        if match := _HOST.match(address):
            self.say(match[1])
            self._before = self.last
        self.unread(text[len(address) :] + following)
        return (yield from self.read())


def _unspeakable(character: str) -> bool:
    """Pictures, joiners, variation selectors, keycaps and control characters."""
    if character.isspace() or character == "°":
        return False
    category = unicodedata.category(character)
    return category in ("So", "Sk", "Cc", "Cf", "Cn", "Co", "Cs") or character in "\ufe0e\ufe0f\u20e3"
