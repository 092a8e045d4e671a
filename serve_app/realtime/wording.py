"""The words of a spoken answer with their times, and how many of them somebody heard."""

from dataclasses import dataclass, field

_CHARACTERS_PER_SECOND = 15.0
_HAN_PER_SECOND = 4.5
"""A usual pace, for a clause whose end is not known yet."""


def is_han(character: str) -> bool:
    """Chinese characters and their punctuation, between which no space stands."""
    return "⺀" <= character <= "鿿" or "豈" <= character <= "﫿" or "！" <= character <= "｠"


def joined(left: str, right: str) -> str:
    """Two clauses as one text: with a space between them, but not in Chinese."""
    if not left or not right or left[-1].isspace() or right[0].isspace():
        return left + right
    return left + right if is_han(left[-1]) or is_han(right[0]) else f"{left} {right}"


@dataclass
class Wording:
    """Clauses in order, each with the media time at which its sound begins, in seconds."""

    clauses: list[tuple[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    """Media that was sent."""
    complete: bool = False
    """Whether no more clauses come."""

    @property
    def text(self) -> str:
        text = ""
        for clause, _ in self.clauses:
            text = joined(text, clause)
        return text

    def add(self, clause: str, start_seconds: float) -> str:
        """Returns what is new of `text`."""
        before = self.text
        self.clauses.append((clause, start_seconds))
        return self.text[len(before) :]

    def heard(self, seconds: float) -> str:
        """The clauses that were over by then, and of the one under way as many whole words (in Chinese, characters)
        as its part that was heard is long."""
        text = ""
        for index, (clause, start) in enumerate(self.clauses):
            if start >= seconds:
                break
            end = self._end(index)
            part = clause if seconds >= end else _begun(clause, (seconds - start) / (end - start))
            text = joined(text, part)
        return text

    def _end(self, index: int) -> float:
        if index + 1 < len(self.clauses):
            return self.clauses[index + 1][1]
        clause, start = self.clauses[index]
        if self.complete:
            return max(self.seconds, start + 1e-3)
        pace = _HAN_PER_SECOND if any(map(is_han, clause)) else _CHARACTERS_PER_SECOND
        return max(self.seconds, start + len(clause) / pace)


def _begun(clause: str, share: float) -> str:
    """Whole words of at most this share of the clause's length."""
    length = int(len(clause) * share)
    while length > 0 and not _parts(clause, length):
        length -= 1
    return clause[:length].rstrip()


def _parts(clause: str, length: int) -> bool:
    return clause[length].isspace() or is_han(clause[length]) or is_han(clause[length - 1])
