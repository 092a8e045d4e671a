"""Markup within a line: emphasis, code, links, tags, addresses, faces. What can be said of it is said."""

import re
import unicodedata

from deployments.llm.scanner import PAUSE, SPACE, STOP, Reading, Scanner
from deployments.sentences import is_han

_LONGEST_DIRECTION = 60
"""Characters between two asterisks that may be a stage direction (*smiles*)."""
LONGEST_SPAN = 300
"""Characters a link, a tag or a table's row may have."""
_ADDRESS = re.compile(r"(?:https?://|www\.)", re.IGNORECASE)
_STARTS_OF_ADDRESSES = ("http://", "https://", "www.")
_HOST = re.compile(r"(?:https?://)?(?:www\.)?([^/?#:]+)", re.IGNORECASE)
_FACE = re.compile(r"[:;]-?[)(DPp]")


class InlineMarkup(Scanner):
    """Each reader deals with one kind of markup, its first character read, and returns the character after it."""

    def inline(self, character: str, before: str) -> Reading:
        """One character, or the markup it begins. `before`: the character read before it."""
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
        text, end = yield from self.read_until("]", LONGEST_SPAN)
        if end != "]":
            self.unread(text + end)
            return (yield from self.read())
        following = yield from self.read()
        if following and following in "([":
            _, end = yield from self.read_until(")" if following == "(" else "]", LONGEST_SPAN)
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
        _, end = yield from self.read_until("]", LONGEST_SPAN)  # a picture: not said
        following = yield from self.read()
        if end == "]" and following == "(":
            _, end = yield from self.read_until(")", LONGEST_SPAN)
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
        text, end = yield from self.read_until(">", LONGEST_SPAN)
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
        self.unread(text[len(address) :] + following)
        return (yield from self.read())


def _unspeakable(character: str) -> bool:
    """Pictures, joiners, variation selectors, keycaps and control characters."""
    if character.isspace() or character == "°":
        return False
    category = unicodedata.category(character)
    return category in ("So", "Sk", "Cc", "Cf", "Cn", "Co", "Cs") or character in "\ufe0e\ufe0f\u20e3"
