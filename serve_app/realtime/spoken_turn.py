"""One thing that a person says."""

import asyncio
from dataclasses import dataclass, field

from serve_app.realtime.moments import Moments
from serve_app.realtime.recognition import Recognition, Writing
from serve_app.realtime.responder import Responder


@dataclass
class SpokenTurn:
    """From its first sound until it is written down (`settled`). `answer` is begun before the turn is surely over."""

    item_id: str
    writing: Writing
    moments: Moments = field(default_factory=Moments)
    recognition: Recognition | None = None
    answer: Responder | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def withdraw(self) -> None:
        """Speech went on, or there was none: what was begun on speculation never was."""
        if self.answer is not None:
            self.answer.stop("turn_detected")
        if self.recognition is not None:
            self.recognition.withdraw()
        self.answer = self.recognition = None
