"""The hearing stage on Ray Serve: an utterance in, a transcript out; what waits at the same time is heard together."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
from ray import serve

from deployments.asr.engines import build_engine
from deployments.asr.metrics import AsrMetrics
from deployments.asr.settings import AsrSettings
from deployments.contracts import HEARING_RATE_HZ, Pcm, Transcript, Utterance
from deployments.errors import AvatarError, EngineFailed
from deployments.gpu.metrics import GpuMetrics
from deployments.gpu.share import take_share
from deployments.weights.settings import WeightsSettings

_FAILURES_TO_RESTART = 3
T = TypeVar("T")
_log = logging.getLogger("ray.serve")


class Asr:
    """One engine and one thread for it. Time limits and retries are the caller's.

    One instance a process: the queue that `serve.batch` makes belongs to the class and to the first event loop.
    """

    def __init__(self, settings: AsrSettings, weights: WeightsSettings) -> None:
        """Loads the engine and warms it up; only then is the replica ready."""
        started = time.perf_counter()
        self._metrics = AsrMetrics()
        self._share = take_share(settings.gpu, "ASR", GpuMetrics)
        self._thread = ThreadPoolExecutor(1, "asr")
        self._engine = self._thread.submit(build_engine, settings, weights).result()
        self._share.settle()
        self._failed_batches = 0
        self._together.set_max_batch_size(settings.batching.max_batch_size)  # type: ignore[attr-defined]
        self._together.set_batch_wait_timeout_s(settings.batching.batch_wait_timeout_s)  # type: ignore[attr-defined]
        _log.info("The %s engine is ready after %.1f s", settings.engine, time.perf_counter() - started)

    async def transcribe(self, utterance: Utterance) -> Transcript:
        """What was said. Raises BadInput, TooLarge, Unsupported or EngineFailed."""
        result = await self._together(utterance)
        if isinstance(result, AvatarError):
            raise result
        if isinstance(result, Exception):
            raise EngineFailed(f"Speech recognition failed ({type(result).__name__}: {result}). Try again.") from result
        return result

    async def check_health(self) -> None:
        """Hears a moment of silence (5 ms), in its turn behind the work at hand. Raises EngineFailed after several
        failed batches in a row, or what the engine raises: Serve restarts the replica."""
        if self._failed_batches >= _FAILURES_TO_RESTART:
            raise EngineFailed(f"The last {self._failed_batches} batches failed in the speech recognition engine.")
        self._share.observe()
        silence = Utterance(Pcm(np.zeros(HEARING_RATE_HZ // 2, np.float32), HEARING_RATE_HZ))
        (result,) = await self._in_thread(partial(self._engine.transcribe, [silence]))
        if isinstance(result, Exception):
            raise result

    @serve.batch(max_batch_size=4, batch_wait_timeout_s=0.002)
    async def _together(self, batch: list[Utterance]) -> list[Transcript | Exception]:
        """What came while the last batch was heard. The sizes here are replaced by the settings' at start."""
        try:
            results, seconds, cpu_seconds = await self._in_thread(partial(self._timed, batch))
        except Exception:
            self._failed_batches += 1
            raise
        self._metrics.ended(results, seconds, cpu_seconds)
        failed = all(isinstance(result, EngineFailed) for result in results)
        self._failed_batches = self._failed_batches + 1 if failed else 0
        return results

    def _timed(self, batch: Sequence[Utterance]) -> tuple[list[Transcript | Exception], float, float]:
        # The model's own threads do the work: only the process's CPU time has it all.
        wall, cpu = time.perf_counter(), time.process_time()
        results = self._engine.transcribe(batch)
        return results, time.perf_counter() - wall, time.process_time() - cpu

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def build_asr(settings: AsrSettings, weights: WeightsSettings) -> serve.Application:
    """The stage as an application node. The YAML's `deployments` entry named ASR overrides these options."""
    deployment = serve.deployment(
        name="ASR",
        max_ongoing_requests=2 * settings.batching.max_batch_size,
        max_queued_requests=16,
        health_check_period_s=10,
        health_check_timeout_s=30,
        graceful_shutdown_timeout_s=10,
        ray_actor_options={"num_cpus": 0.15},
    )(Asr)
    return deployment.bind(settings, weights)
