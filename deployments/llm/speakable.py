"""What a language model writes, as it would be said: markdown, code, lists, links, emoji and stage directions go.

Nothing is held back longer than its meaning is open: plain words pass at once.
"""

from deployments.llm.markup import Markup


class Speakable:
    """Pieces of a reply in, the speakable text in them out. `after` is text of this reply already said."""

    def __init__(self, after: str = "") -> None:
        self._scanner = Markup(after)
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
