"""Is this speech? What answers that, window by window."""

from typing import Protocol

from deployments.contracts import HEARING_RATE_HZ, Float32

WINDOW_SAMPLES = 512
"""Silero VAD's window at 16 kHz."""
WINDOW_MS = WINDOW_SAMPLES * 1000 // HEARING_RATE_HZ


class VoiceActivity(Protocol):
    """Hears one stream of sound. Not thread-safe."""

    def probability(self, window: Float32) -> float:
        """That somebody speaks in this window, the next one of the stream. float32 [512], 16 kHz."""
        ...

    def fresh(self) -> "VoiceActivity":
        """One for another stream, which has heard nothing yet."""
        ...
