"""The incremental cutter."""

from serve_app.phrasing.atoms import Atom, Atomizer
from serve_app.phrasing.binding import may_part
from serve_app.phrasing.settings import PhrasingSettings

_CHARACTERS_PER_WORD = 2.0
"""A spaced word takes about as long to say as two Chinese characters."""


class Phraser:
    """Text in pieces to clauses, each given out as soon as it is certain.

    Works character by character, so any split of the same text gives the same clauses (`flush` apart), and the
    clauses joined are the text, up to whitespace.
    """

    def __init__(self, language: str, settings: PhrasingSettings | None = None) -> None:
        chosen = settings or PhrasingSettings()
        self._by_character = language == "zh"
        if self._by_character:
            self._first = (chosen.first_min_characters, chosen.first_max_characters)
            self._later = (chosen.min_characters, chosen.max_characters)
        else:
            self._first = (chosen.first_min_words, chosen.first_max_words)
            self._later = (chosen.min_words, chosen.max_words)
        self._growth = chosen.growth
        self._stretch = chosen.stretch
        self._atomizer = Atomizer()
        self._atoms: list[Atom] = []
        self._count = 0

    def feed(self, text: str) -> list[str]:
        """The clauses that this piece completes."""
        clauses: list[str] = []
        for character in text:
            if atom := self._atomizer.take(character):
                self._atoms.append(atom)
                if cut := self._cut():
                    clauses.append(self._give(cut))
        return clauses

    def flush(self) -> list[str]:
        """What can be spoken now, when time presses: whole words up to the last natural boundary, or all of them."""
        if not self._atoms:
            return []
        boundaries = [at for at in range(1, len(self._atoms)) if self._natural(at)]
        last = self._atoms[-1]
        whole = last.stops or last.pauses or not boundaries
        return [self._give(len(self._atoms) if whole else boundaries[-1])]

    def end(self) -> list[str]:
        """The rest, if there is any. The phraser is then ready for another reply."""
        if atom := self._atomizer.end():
            self._atoms.append(atom)
        clauses: list[str] = []
        while self._atoms and (cut := self._cut()):
            clauses.append(self._give(cut))
        if self._atoms:
            clauses.append(self._give(len(self._atoms)))
        self._count = 0
        return clauses

    def _limit(self) -> float:
        return float(min(self._later[1], self._first[1] * self._growth**self._count))

    def _size(self, count: int) -> float:
        """Length of the first `count` atoms, in words or in Chinese characters."""
        if self._by_character:
            return sum((1.0 if atom.han else _CHARACTERS_PER_WORD) * atom.spoken for atom in self._atoms[:count])
        return sum((1.0 / _CHARACTERS_PER_WORD if atom.han else 1.0) * atom.spoken for atom in self._atoms[:count])

    def _cut(self) -> int:
        """How many atoms make the next clause; 0 while that is open. Looked at after every atom."""
        total = len(self._atoms)
        size, limit, last = self._size(total), self._limit(), self._atoms[-1]
        if self._count == 0:
            if (last.stops or last.pauses) and size >= self._first[0]:
                return total
            return self._forced(limit) if size > limit else 0
        if last.stops and size >= self._later[0]:
            return total
        if last.pauses and size >= max(self._later[0], limit / 2):
            return total
        return self._forced(limit) if size > min(limit * self._stretch, self._later[1]) else 0

    def _forced(self, limit: float) -> int:
        """The best cut within `limit`: the last punctuation of some length, else the last natural boundary.

        Where there is none, the first natural boundary after; at twice the limit, any.
        """
        total = len(self._atoms)
        shortest = self._first[0] if self._count == 0 else limit / 3
        inside = [at for at in range(1, total) if self._size(at) <= limit]
        for at in reversed(inside):
            atom = self._atoms[at - 1]
            if atom.stops or (atom.pauses and self._size(at) >= shortest):
                return at
        for at in reversed(inside):
            if self._natural(at) and self._size(at) >= shortest:
                return at
        if total > 1 and self._size(total - 1) > limit and self._natural(total - 1):
            return total - 1
        return max(1, total - 1) if self._size(total) > 2 * limit else 0

    def _natural(self, at: int) -> bool:
        """Whether the voice may pause before atom `at`."""
        before, after = self._atoms[at - 1], self._atoms[at]
        if before.stops or before.pauses:
            return True
        return may_part(before.text, after.text)

    def _give(self, count: int) -> str:
        given, self._atoms = self._atoms[:count], self._atoms[count:]
        self._count += 1
        return "".join(" " * (atom.spaced and index > 0) + atom.text for index, atom in enumerate(given))
