"""Which slot of the engine answers whom: a conversation goes back to the slot that remembers it."""

import threading
from collections.abc import Sequence


class SlotBoard:
    """Keeps, for each slot, the texts it read last: persona first, then the user's. Thread-safe.

    The engine's own choice goes by likeness of prompts, and since all begin with the persona it would let a new
    conversation overwrite another's cache while a fresh slot stands idle.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._free = list(range(count))
        self._remembered: list[tuple[str, ...]] = [()] * count
        self._used = [0] * count
        self._clock = 0

    def take(self, texts: Sequence[str]) -> int:
        """A free slot: one that knows this conversation, else its persona; among those the one unused for longest.

        Call it from at most as many threads at once as there are slots.
        """
        with self._lock:
            chosen = max(self._free, key=lambda slot: (self._knows(slot, texts), -self._used[slot]))
            self._free.remove(chosen)
            self._clock += 1
            self._used[chosen] = self._clock
            self._remembered[chosen] = tuple(texts)
            return chosen

    def give_back(self, slot: int) -> None:
        with self._lock:
            self._free.append(slot)

    def remember(self, slot: int, texts: Sequence[str]) -> None:
        """Note what a slot has read outside any conversation."""
        with self._lock:
            self._remembered[slot] = tuple(texts)

    def _knows(self, slot: int, texts: Sequence[str]) -> int:
        """How many of the texts this slot has read: all of a conversation's, or its persona, or nothing.

        The last text a slot read was a question: it knows the conversation if that question is in it.
        """
        remembered = self._remembered[slot]
        if not remembered or remembered[0] != texts[0]:
            return 0
        if remembered[-1] not in texts[1:]:
            return 1
        return len(set(remembered) & set(texts))
