"""The avatar's own voice in the microphone, told from a person's."""

from dataclasses import dataclass

from deployments.contracts import Float32, Pcm
from serve_app.realtime.hearing.activity import VoiceActivity
from serve_app.realtime.hearing.settings import EchoSettings


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A window without the echo, and the probability that a person speaks in it."""

    samples: Float32
    probability: float


class EchoGuard:
    """Hears one session."""

    def __init__(self, settings: EchoSettings, activity: VoiceActivity) -> None:
        self._settings = settings
        self._activity = activity

    @property
    def active(self) -> bool:
        """The avatar may be audible now."""
        return False

    def said(self, pcm: Pcm, at_seconds: float) -> None:
        """Speech that was sent to the client."""

    def plays(self, played_seconds: float | None) -> None:
        """Where playback is, about; None when it is silent."""

    def clean(self, window: Float32) -> Cleaned:
        """The next window of the microphone."""
        return Cleaned(window, self._activity.probability(window))

    def explains(self, needed_ms: int) -> bool:
        """Whether the last `needed_ms` that sound like speech are the avatar's own."""
        return False
