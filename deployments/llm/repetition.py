"""Text that begins with what was said before, without that."""


class Repetition:
    """Pieces in, pieces out, less a repetition of `said` at their start.

    A server told to go on from a text often says the text again. Held back only while that is possible.
    """

    def __init__(self, said: str) -> None:
        self._said = said.strip()
        self._held = ""
        self._open = bool(self._said)

    def take(self, text: str) -> str:
        if not self._open:
            return text
        self._held += text
        start = self._held.lstrip()
        if len(start) < len(self._said) and self._said.startswith(start):
            return ""
        self._open = False
        held, self._held = self._held, ""
        return start[len(self._said) :] if start.startswith(self._said) else held
