"""When things happened in a turn, for its latency breakdown."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

POINTS = ("first_token", "first_clause", "first_speech", "first_media")
"""Timings of `serve_app.timings` that are points in time, in seconds since the answer began to be made."""


@dataclass
class Moments:
    """Readings of `time.perf_counter`. `begun`: the turn's own start, which is the pause that speculation began at,
    or the client's request. `end_of_speech`: when the last voiced sample arrived; None where nobody spoke."""

    begun: float = field(default_factory=time.perf_counter)
    end_of_speech: float | None = None
    turn_over: float | None = None
    transcript: float | None = None
    answering: float | None = None
    first_media: float | None = None

    def mark(self, name: str) -> None:
        """Notes the first time."""
        if getattr(self, name) is None:
            setattr(self, name, time.perf_counter())

    def report(self, timings: Mapping[str, float]) -> dict[str, float]:
        """The timings of the answer as points since the turn began, with what the session adds, in seconds."""
        offset = (self.answering or self.begun) - self.begun
        told = {name: value + offset if name in POINTS else value for name, value in timings.items()}
        if "total" in told:
            told["total"] += offset
        if self.transcript is not None:
            told = {"transcript": self.transcript - self.begun, "asr": self.transcript - self.begun, **told}
        if self.end_of_speech is not None:
            if self.turn_over is not None:
                told["silence_wait"] = self.turn_over - self.end_of_speech
            if self.first_media is not None:
                told["end_of_speech_to_first_media"] = self.first_media - self.end_of_speech
        return {name: round(value, 3) for name, value in told.items()}
