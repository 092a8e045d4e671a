"""What the language stage tells Prometheus, through Ray's exporter."""

from ray.serve import metrics

_FIRST_PIECE_SECONDS = [0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0, 8.0, 16.0]


class LlmMetrics:
    """One instance a replica."""

    def __init__(self) -> None:
        self._first_piece_seconds = metrics.Histogram(
            "avatar_llm_first_piece_seconds",
            "From the request to the first speakable text.",
            boundaries=_FIRST_PIECE_SECONDS,
        )
        self._characters = metrics.Counter("avatar_llm_characters", "Characters of speakable text given out.")
        self._seconds = metrics.Counter("avatar_llm_reply_seconds", "Time from requests to the ends of their replies.")
        self._active = metrics.Gauge("avatar_llm_active_replies", "Replies under way, stopping ones included.")
        self._events = metrics.Counter(
            "avatar_llm_reply_events", "Replies remade, in the wrong language, failed (by code), cancelled.", ("event",)
        )

    def event(self, name: str) -> None:
        self._events.inc(tags={"event": name})

    def active(self, replies: int) -> None:
        self._active.set(replies)

    def first_piece(self, seconds: float) -> None:
        self._first_piece_seconds.observe(seconds)

    def ended(self, characters: int, seconds: float) -> None:
        if characters:
            self._characters.inc(characters)
        self._seconds.inc(seconds)
