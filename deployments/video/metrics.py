"""What the video stage tells Prometheus, through Ray's exporter."""

from collections.abc import Sequence

from ray.serve import metrics

from deployments.contracts import Stepped
from deployments.video.quality import Quality

_STEP_SECONDS = [0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0]
_FRAME_MILLISECONDS = [2.0, 4.0, 6.0, 8.0, 10.0, 13.0, 17.0, 25.0, 40.0, 80.0]


class VideoMetrics:
    """One instance a replica."""

    def __init__(self) -> None:
        self._frames = metrics.Counter("avatar_video_frames", "Frames encoded.")
        self._failures = metrics.Counter(
            "avatar_video_failed_steps", "Steps that ended in an error, by its code.", ("code",)
        )
        self._step_seconds = metrics.Histogram(
            "avatar_video_step_seconds", "Time in the engine for a batch of steps.", boundaries=_STEP_SECONDS
        )
        self._part_seconds = metrics.Counter(
            "avatar_video_part_seconds",
            "Time in the parts of the engine: load, analyse, hear, diffuse, render, composite, encode.",
            ("part",),
        )
        self._frame_milliseconds = metrics.Histogram(
            "avatar_video_cpu_milliseconds_per_frame",
            "CPU time of the engine's thread per frame made, by batch.",
            boundaries=_FRAME_MILLISECONDS,
        )
        self._batch_steps = metrics.Gauge("avatar_video_batch_steps", "Steps in the batch that is being made.")
        self._quality_changes = metrics.Counter(
            "avatar_video_quality_changes",
            "Changes of quality under load, by the rung that is taken: 0 to 2, +8 with fewer diffusion steps.",
            ("rung",),
        )
        self._quality_rung = metrics.Gauge(
            "avatar_video_quality_rung",
            "What is spared: 0 nothing, 1 half of the motion fields, 2 half of the frames, +8 diffusion steps.",
        )
        self._quality_rung.set(0)

    def changed(self, quality: Quality) -> None:
        """Load has changed what is spared."""
        self._quality_changes.inc(tags={"rung": str(quality.number)})
        self._quality_rung.set(quality.number)

    def began(self, steps: int) -> None:
        self._batch_steps.set(steps)

    def ended(self, results: Sequence[Stepped | Exception], seconds: float, cpu_seconds: float) -> None:
        """`seconds`: wall time of the batch. `cpu_seconds`: of the engine's thread."""
        self._batch_steps.set(0)
        self._step_seconds.observe(seconds)
        frames = 0
        for result in results:
            if isinstance(result, Exception):
                self._failures.inc(tags={"code": getattr(result, "code", "internal_error")})
                continue
            frames += len(result.frames)
            for part, spent in result.timings.items():
                if spent > 0:
                    self._part_seconds.inc(spent, tags={"part": part})
        if frames:
            self._frames.inc(frames)
            self._frame_milliseconds.observe(1000 * cpu_seconds / frames)
