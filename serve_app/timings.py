"""Where a turn's time goes, by stage."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

TIMING_NAMES = {
    "transcript": "from the turn's start until the words were known",
    "first_token": "until the first piece of the reply",
    "first_clause": "until the first clause could be spoken",
    "first_speech": "until the first sound",
    "first_media": "until the first fragment with speech and its picture",
    "asr": "spent waiting for speech recognition",
    "llm": "spent on the reply, first request to last piece",
    "tts": "spent waiting for speech, all clauses together",
    "video": "spent waiting for pictures, all steps together",
    "total": "the whole turn",
}
"""Every timing a turn reports, in seconds. The first five are points in time, the others amounts."""


class Stopwatch:
    """Points and amounts of time, in seconds, since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._values: dict[str, float] = {}

    def now(self) -> float:
        return time.perf_counter() - self._start

    def mark(self, name: str) -> None:
        """Notes the first time something happened."""
        self._values.setdefault(name, self.now())

    @contextmanager
    def spent(self, name: str) -> Iterator[None]:
        """Adds the time that passes inside to an amount."""
        start = self.now()
        try:
            yield
        finally:
            self._values[name] = self._values.get(name, 0.0) + self.now() - start

    def values(self) -> dict[str, float]:
        """All timings so far, rounded to milliseconds, in the order of TIMING_NAMES."""
        values = self._values | {"total": self.now()}
        return {name: round(values[name], 3) for name in TIMING_NAMES if name in values}
