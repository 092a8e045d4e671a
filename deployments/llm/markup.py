"""Markup at the start of lines: headings, lists, quotations, tables; and what the end of a line means."""

import re
from collections.abc import Generator

from deployments.llm.inline_markup import LONGEST_SPAN, InlineMarkup
from deployments.llm.scanner import PAUSE, SPACE, STOP, Reading

_TABLE_RULE = re.compile(r"[\s|:\-]*")
_BULLETS = "-+*•·◦▪‣"


class Markup(InlineMarkup):
    """The whole of what is written. `after`: text of this reply that was already said."""

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
                character = yield from self._anywhere(character, before)

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
        row, end = yield from self.read_until("", LONGEST_SPAN)
        self._line_gap = STOP
        if _TABLE_RULE.fullmatch(row):
            return end
        self.pause(STOP)
        cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
        self.unread(", ".join(filter(None, cells)) + end)
        return (yield from self.read())

    def _anywhere(self, character: str, before: str) -> Reading:
        if character == "\n":
            return (yield from self._newline())
        return (yield from self.inline(character, before))

    def _newline(self) -> Reading:
        self.pause(self._line_gap)
        self._line_gap, self._starts_line = SPACE, True
        following = yield from self.read()
        while following.isspace():
            if following == "\n":
                self.pause(STOP)
            following = yield from self.read()
        return following
