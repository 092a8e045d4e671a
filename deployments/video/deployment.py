"""The video stage on Ray Serve: steps in, encoded frames out."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from ray import serve

from deployments.contracts import FRAMES_PER_SECOND, Image, Step, Stepped
from deployments.gpu.metrics import GpuMetrics
from deployments.gpu.share import take_share
from deployments.store.cache import CachedReader
from deployments.store.settings import StoreSettings
from deployments.store.store import AVATAR_ENROLMENTS, Store
from deployments.video.builtins import DEFAULT_AVATAR
from deployments.video.engines import build_engine
from deployments.video.failures import DeviceFailed, ReplicaBroken
from deployments.video.ladder import MOTION_PARTS, Ladder, Measured, Rungs
from deployments.video.metrics import VideoMetrics
from deployments.video.quality import Quality
from deployments.video.queue import StepQueue
from deployments.video.settings import VideoSettings
from deployments.weights.settings import WeightsSettings

_PROOF_OF_LIFE_SECONDS = 5.0
T = TypeVar("T")
_log = logging.getLogger("ray.serve")


class Video:
    """One engine and one thread for it. Time limits and retries are the caller's."""

    def __init__(self, settings: VideoSettings, store: StoreSettings, weights: WeightsSettings) -> None:
        """Loads the engine, warms it up with one frame, and only then is the replica ready."""
        started = time.perf_counter()
        load = CachedReader(Store(store.url), AVATAR_ENROLMENTS, store)
        self._share = take_share(settings.gpu, "Video", GpuMetrics)
        self._thread = ThreadPoolExecutor(1, "video")
        self._engine = self._thread.submit(build_engine, settings, load, weights).result()
        self._metrics = VideoMetrics()
        self._queue = StepQueue(self._make, settings.max_batch_steps)
        # only an engine that says what it can spare is asked to
        self._ladder = Ladder(settings.ladder, getattr(self._engine, "rungs", Rungs()), time.monotonic)
        self._last_success = 0.0
        self._device_failure: DeviceFailed | None = None
        self._thread.submit(self._prove).result()
        self._share.settle()
        _log.info("The %s engine is ready after %.1f s", settings.engine, time.perf_counter() - started)

    async def step(self, step: Step) -> Stepped:
        """Frames that became due, and the state to go on from. Raises BadInput, NotFound or EngineFailed."""
        return await self._queue.step(step)

    async def enrol(self, portrait: Image) -> bytes:
        """An avatar from a photo: uint8 [h, w, 3] BGR, upright. Raises BadInput with the reason."""
        try:
            return await self._in_thread(partial(self._engine.enrol, portrait))
        except DeviceFailed as failure:
            self._device_failure = failure
            raise

    async def describe(self) -> dict[str, Any]:
        """frame_size: (width, height) in pixels; lookahead_samples at 16 kHz; frames_per_second; default_avatar;
        fingerprint: see Animator."""
        return {
            "frame_size": self._engine.frame_size,
            "lookahead_samples": self._engine.lookahead_samples,
            "frames_per_second": FRAMES_PER_SECOND,
            "default_avatar": DEFAULT_AVATAR,
            "fingerprint": self._engine.fingerprint,
        }

    async def check_health(self) -> None:
        """Makes one frame, unless the engine has just made some. Raises what the engine raises: Serve restarts it.

        After a failure of the device, out of memory for one, this raises for good: what else the engine makes may be
        luck, and a fresh process has the memory back.
        """
        if self._device_failure is not None:
            raise self._device_failure
        self._share.observe()
        if time.monotonic() - self._last_success > _PROOF_OF_LIFE_SECONDS:
            await self._in_thread(self._prove)

    async def _make(self, batch: Sequence[Step]) -> list[Stepped | Exception]:
        self._metrics.began(len(batch))
        present = len(batch) + self._queue.waiting
        batch = [replace(step, quality=_spared(step.quality, self._ladder.quality)) for step in batch]
        results, seconds, cpu_seconds = await self._in_thread(partial(self._timed, batch))
        self._metrics.ended(results, seconds, cpu_seconds)
        if any(isinstance(result, Stepped) for result in results):
            self._last_success = time.monotonic()
        self._adapt(results, seconds, present)
        return self._noted(results)

    def _noted(self, results: Sequence[Stepped | Exception]) -> list[Stepped | Exception]:
        """The results as callers get them, once a failure of the device is written down."""
        failures = [result for result in results if isinstance(result, DeviceFailed)]
        if not failures or self._device_failure is not None:
            return list(results)
        self._device_failure = failures[0]
        return [ReplicaBroken(str(result)) if isinstance(result, DeviceFailed) else result for result in results]

    def _adapt(self, results: Sequence[Stepped | Exception], seconds: float, present: int) -> None:
        """Lets the ladder see what the batch took, and tells of what it changes."""
        made = [result for result in results if isinstance(result, Stepped)]
        motion = sum(made_one.timings.get(part, 0.0) for made_one in made for part in MOTION_PARTS)
        media = sum(len(made_one.frames) for made_one in made) / FRAMES_PER_SECOND
        before = self._ladder.quality
        after = self._ladder.observe(Measured(seconds, motion, media, present))
        if after != before:
            self._metrics.changed(after)
            _log.info("Video quality goes from %s to %s: %d steps in hand", before, after, present)

    def _timed(self, batch: Sequence[Step]) -> tuple[list[Stepped | Exception], float, float]:
        wall, cpu = time.perf_counter(), time.thread_time()
        results = self._engine.step(batch)
        return results, time.perf_counter() - wall, time.thread_time() - cpu

    def _prove(self) -> None:
        (result,) = self._engine.step([Step(DEFAULT_AVATAR, np.zeros(1, np.float32), final=True)])
        if isinstance(result, Exception):
            raise result
        self._last_success = time.monotonic()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _spared(asked: int, quality: Quality) -> int:
    """What the caller spares and what load makes us spare; the caller's own number where load spares nothing."""
    return asked if quality == Quality() else Quality.of(asked).spare(quality).number


def build_video(settings: VideoSettings, store: StoreSettings, weights: WeightsSettings) -> serve.Application:
    """The stage as an application node. The YAML's `deployments` entry named Video overrides these options."""
    deployment = serve.deployment(
        name="Video",
        max_ongoing_requests=8,
        max_queued_requests=32,
        health_check_period_s=10,
        health_check_timeout_s=30,
        graceful_shutdown_timeout_s=10,
        ray_actor_options={"num_cpus": 0.2},
    )(Video)
    return deployment.bind(settings, store, weights)
