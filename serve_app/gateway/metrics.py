"""What the gateway tells Prometheus, through Ray's exporter."""

from collections.abc import Mapping

from ray.serve import metrics

from serve_app.events import Ended

_SECONDS = [0.3, 0.6, 0.9, 1.2, 1.6, 2.0, 2.5, 3.5, 5.0, 10.0, 20.0, 40.0]
_JOB_SECONDS = [1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0]


class ServeMeter:
    """Implements `serve_app.gateway.meter.Meter`. One instance a replica, made in the replica."""

    def __init__(self) -> None:
        self._places = metrics.Gauge("avatar_gateway_places_taken", "Requests at work in this gateway.")
        self._tasks = metrics.Gauge(
            "avatar_gateway_tasks_count", "Asyncio tasks in this gateway, by the coroutine that they run.", ("task",)
        )
        self._tasks_told: set[str] = set()
        self._first_media = metrics.Histogram(
            "avatar_turn_first_media_seconds", "From a turn's start to its first fragment with speech.", _SECONDS
        )
        self._turn = metrics.Histogram("avatar_turn_seconds", "Length of whole turns that were completed.", _SECONDS)
        self._media = metrics.Counter("avatar_turn_media_seconds", "Video made in completed turns.")
        self._filled = metrics.Counter("avatar_turn_filled_seconds", "Silence filled in because speech had run dry.")
        self._spent = metrics.Counter("avatar_turn_stage_seconds", "Time that turns waited for a stage.", ("stage",))
        self._failed = metrics.Counter("avatar_turn_failures", "Turns that ended in an error, by its code.", ("code",))
        self._refused = metrics.Counter("avatar_gateway_error_answers", "Requests answered with an error.", ("code",))
        self._jobs = metrics.Gauge("avatar_jobs_count", "Video jobs kept, over all gateways, by status.", ("status",))
        self._jobs_ended = metrics.Counter("avatar_jobs_ended", "Video jobs that this gateway ended.", ("status",))
        self._job = metrics.Histogram("avatar_job_seconds", "Work on video jobs that have ended.", _JOB_SECONDS)
        self._job_media = metrics.Counter("avatar_job_media_seconds", "Video made for jobs.")

    def at_work(self, places: int) -> None:
        self._places.set(places)

    def tasks(self, counts: Mapping[str, int]) -> None:
        # a gauge keeps what it was last told: those that are gone are told to be none
        for name in self._tasks_told | counts.keys():
            self._tasks.set(counts.get(name, 0), tags={"task": name})
        self._tasks_told |= counts.keys()

    def first_media(self, seconds: float) -> None:
        self._first_media.observe(seconds)

    def turn_ended(self, ended: Ended) -> None:
        self._turn.observe(ended.at_seconds)
        # counters take positive amounts only
        for counter, amount in ((self._media, ended.media_seconds), (self._filled, ended.filled_seconds)):
            if amount > 0:
                counter.inc(amount)
        for stage in ("asr", "llm", "tts", "video"):
            if (seconds := ended.timings.get(stage, 0.0)) > 0:
                self._spent.inc(seconds, tags={"stage": stage})

    def turn_failed(self, code: str) -> None:
        self._failed.inc(tags={"code": code})

    def refused(self, code: str) -> None:
        self._refused.inc(tags={"code": code})

    def jobs(self, counts: Mapping[str, int]) -> None:
        for status, count in counts.items():
            self._jobs.set(count, tags={"status": status})

    def job_ended(self, status: str, worked_seconds: float, media_seconds: float) -> None:
        self._jobs_ended.inc(tags={"status": status})
        self._job.observe(worked_seconds)
        if media_seconds > 0:
            self._job_media.inc(media_seconds)
