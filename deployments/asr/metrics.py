"""What the hearing stage tells Prometheus, through Ray's exporter."""

from collections.abc import Sequence

from ray.serve import metrics

from deployments.contracts import Transcript

_SECONDS = [0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 4.0, 8.0, 16.0]


class AsrMetrics:
    """One instance a replica."""

    def __init__(self) -> None:
        self._speech_seconds = metrics.Counter("avatar_asr_speech_seconds", "Sound that was listened to.")
        self._engine_seconds = metrics.Counter("avatar_asr_engine_seconds", "Time spent in the engine.")
        self._cpu_seconds = metrics.Counter("avatar_asr_cpu_seconds", "CPU time of the replica while it listened.")
        self._batch_seconds = metrics.Histogram(
            "avatar_asr_batch_seconds", "Time in the engine for a batch.", boundaries=_SECONDS
        )
        self._batch_utterances = metrics.Histogram(
            "avatar_asr_batch_utterances", "Utterances in a batch.", boundaries=[1, 2, 3, 4, 6, 8, 12, 16]
        )
        self._silences = metrics.Counter("avatar_asr_silent_utterances", "Utterances in which nothing was said.")
        self._failures = metrics.Counter(
            "avatar_asr_failed_utterances", "Utterances that ended in an error, by its code.", ("code",)
        )

    def ended(self, results: Sequence[Transcript | Exception], seconds: float, cpu_seconds: float) -> None:
        """`seconds`: wall time of the batch in the engine. `cpu_seconds`: of the process meanwhile."""
        self._batch_utterances.observe(len(results))
        self._batch_seconds.observe(seconds)
        for counter, spent in ((self._engine_seconds, seconds), (self._cpu_seconds, cpu_seconds)):
            if spent > 0:
                counter.inc(spent)
        for result in results:
            if isinstance(result, Exception):
                self._failures.inc(tags={"code": getattr(result, "code", "internal_error")})
                continue
            if not result.text:
                self._silences.inc()
            if result.seconds > 0:
                self._speech_seconds.inc(result.seconds)
