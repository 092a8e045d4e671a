"""A microphone in front of a person, and perhaps of a loudspeaker."""

import asyncio
import time
from collections.abc import Callable

import numpy as np

from benchmarks.sound import pcm16
from deployments.contracts import Float32
from serve_app.client import RealtimeConversation

Overheard = Callable[[float, int], Float32 | None]
"""What else the microphone hears: (time of the first sample, how many) → samples, None for silence."""

NOISE_AMPLITUDE = 0.0005
"""-66 dB: a quiet room."""


class Microphone:
    """Sends what is said as it is recorded: a chunk when its last sample was spoken.

    As a page does, it sends only while there is something to hear, and `trailing_seconds` of quiet after it. Run
    `run()` as a task. Times are those of `time.perf_counter()`.
    """

    def __init__(
        self,
        talk: RealtimeConversation,
        chunk_seconds: float = 0.02,
        trailing_seconds: float = 1.2,
        overheard: Overheard | None = None,
    ) -> None:
        self._talk = talk
        self._chunk = chunk_seconds
        self._trailing = trailing_seconds
        self._overheard = overheard
        self._random = np.random.default_rng(7)
        self._said = np.zeros(0, np.float32)
        self._next_at = time.perf_counter()
        self._quiet_since = -trailing_seconds

    def say(self, samples: Float32) -> float:
        """The person speaks, -1..1 at the conversation's rate, after what they are saying. Returns when the first
        sample is spoken."""
        begins = self._next_at + len(self._said) / self._talk.rate_hz
        self._said = np.concatenate([self._said, samples])
        return begins

    @property
    def silent(self) -> bool:
        """Whether all that was to be said has been said."""
        return not len(self._said)

    async def run(self) -> None:
        """Never returns. Raises SessionClosed."""
        count = round(self._chunk * self._talk.rate_hz)
        self._next_at = time.perf_counter()
        while True:
            start = self._next_at
            said, self._said = self._said[:count], self._said[count:]
            self._next_at = start + self._chunk
            await asyncio.sleep(self._next_at - time.perf_counter())
            other = self._overheard(start, count) if self._overheard else None
            if len(said) or other is not None:
                self._quiet_since = self._next_at
            if self._next_at - self._quiet_since <= self._trailing:
                chunk = self._random.normal(0, NOISE_AMPLITUDE, count).astype(np.float32)
                chunk[: len(said)] += said
                if other is not None:
                    chunk[: len(other)] += other
                await self._talk.send_audio(pcm16(chunk))
