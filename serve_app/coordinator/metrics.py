"""What the Coordinator tells Prometheus, through Ray's exporter."""

from ray.serve import metrics

_SECONDS = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0]


class CoordinatorMetrics:
    """Implements `serve_app.coordinator.meter.PeopleMeter`. Made in the replica."""

    def __init__(self) -> None:
        self.people = 0
        """Answered and waiting, as last heard."""
        self._answered = metrics.Gauge("avatar_coordinator_people_answered", "People being answered.")
        self._waiting = metrics.Gauge("avatar_coordinator_people_waiting", "People who wait for a place.")
        self._waits = metrics.Histogram(
            "avatar_coordinator_wait_seconds", "Wait of those who got a place; 0 without a wait.", _SECONDS
        )
        self._refused = metrics.Counter("avatar_coordinator_people_refused", "People who got no place.", ("code",))
        self._sessions = metrics.Gauge("avatar_coordinator_sessions_kept", "Sessions that can be resumed.")

    def present(self, answered: int, waiting: int) -> None:
        self.people = answered + waiting
        self._answered.set(answered)
        self._waiting.set(waiting)

    def waited(self, seconds: float) -> None:
        self._waits.observe(seconds)

    def refused(self, code: str) -> None:
        self._refused.inc(tags={"code": code})

    def sessions(self, kept: int) -> None:
        self._sessions.set(kept)
