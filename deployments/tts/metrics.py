"""What the speaking stage reports through Ray: speech made, time spent on it, time to its first piece."""

from ray.serve import metrics

from deployments.contracts import Pcm

_FIRST_PIECE_SECONDS = [0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0]


class TtsMetrics:
    """Made inside a replica; Ray adds the names of deployment and replica."""

    def __init__(self) -> None:
        self._speech = metrics.Counter(
            "avatar_tts_speech_seconds", description="Seconds of speech made.", tag_keys=("language",)
        )
        self._spent = metrics.Counter(
            "avatar_tts_spent_seconds", description="Seconds spent on making it.", tag_keys=("language",)
        )
        self._first = metrics.Histogram(
            "avatar_tts_first_piece_seconds",
            description="Seconds from a clause to its first piece of speech.",
            boundaries=_FIRST_PIECE_SECONDS,
            tag_keys=("language",),
        )

    def made(self, pcm: Pcm, spent_seconds: float, language: str, first: bool) -> None:
        """One piece of speech, and how long it took."""
        tags = {"language": language}
        self._speech.inc(max(pcm.seconds, 1e-9), tags=tags)
        self._spent.inc(max(spent_seconds, 1e-9), tags=tags)
        if first:
            self._first.observe(spent_seconds, tags=tags)
