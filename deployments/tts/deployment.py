"""The speaking stage on Ray Serve: a clause in, speech out piece by piece; uploaded voices matched."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

from ray import serve

from deployments.contracts import Cancellation, Pcm, SpeechRequest
from deployments.errors import AvatarError, Cancelled, EngineFailed
from deployments.gpu.metrics import GpuMetrics
from deployments.gpu.share import take_share
from deployments.priority import yield_to_others
from deployments.store.cache import CachedReader
from deployments.store.settings import StoreSettings
from deployments.store.store import VOICE_ENROLMENTS, Store
from deployments.tts.engines import build_engine
from deployments.tts.metrics import TtsMetrics
from deployments.tts.settings import TtsSettings
from deployments.weights.settings import WeightsSettings

_FAILURES_TO_RESTART = 3
_MANY = 1_000_000
T = TypeVar("T")
_log = logging.getLogger("ray.serve")


class Tts:
    """One engine and one thread for it. Time limits and retries are the caller's."""

    def __init__(self, settings: TtsSettings, weights: WeightsSettings, store: StoreSettings) -> None:
        """Loads the engine and warms it up; only then is the replica ready."""
        started = time.perf_counter()
        yield_to_others(settings.niceness)
        load = CachedReader(Store(store.url), VOICE_ENROLMENTS, store)
        self._share = take_share(settings.gpu, "TTS", GpuMetrics)
        self._thread = ThreadPoolExecutor(1, "tts")
        self._engine = self._thread.submit(build_engine, settings, weights, load).result()
        self._share.settle()
        self._metrics = TtsMetrics()
        # Clauses of several people may take turns piece by piece, but not in an engine that keeps one in its networks.
        self._turns = asyncio.Semaphore(1 if settings.engine == "xtts" else _MANY)
        self._failures = 0
        _log.info("The %s engine is ready after %.1f s", settings.engine, time.perf_counter() - started)

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        """Speech of one clause. Closing the stream stops the work, and ends when the thread has returned.

        Raises NotFound, Unsupported, BadInput, TooLarge or EngineFailed.
        """
        async with self._turns:
            pieces = self._spoken(request)
            try:
                async for pcm in pieces:
                    yield pcm
            finally:
                await pieces.aclose()

    async def _spoken(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        cancellation = Cancellation()
        pieces = self._engine.speak(request, cancellation)
        first = True
        try:
            while (made := await self._in_thread(partial(_timed, pieces))) is not None:
                pcm, seconds = made
                self._metrics.made(pcm, seconds, request.language, first)
                first, self._failures = False, 0
                yield pcm
        except AvatarError as error:
            self._failures += isinstance(error, EngineFailed)
            raise
        except Exception as error:
            self._failures += 1
            _log.exception("speech failed")
            raise EngineFailed(f"Speech failed ({type(error).__name__}: {error}). Try again.") from error
        finally:
            cancellation.cancel()
            # The slot is free when the thread has let go of the engine: this waits for what is under way.
            await asyncio.shield(self._in_thread(partial(_close, pieces)))

    async def enrol(self, sample: Pcm) -> bytes:
        """A voice match of a sample, as a blob for the store. Raises BadInput with the reason."""
        return await self._in_thread(partial(self._engine.enrol, sample))

    async def voices(self) -> list[dict[str, object]]:
        """The built-in voices, each with id, name, language, gender, kind and default."""
        return self._engine.voices()

    async def check_health(self) -> None:
        """Raises EngineFailed after several failures in a row: Serve restarts the replica."""
        self._share.observe()
        if self._failures >= _FAILURES_TO_RESTART:
            raise EngineFailed(f"Speech failed {self._failures} times in a row.")

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _timed(pieces: Iterator[Pcm]) -> tuple[Pcm, float] | None:
    started = time.perf_counter()
    pcm = next(pieces, None)
    return None if pcm is None else (pcm, time.perf_counter() - started)


def _close(pieces: Iterator[Pcm]) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        with suppress(Cancelled):
            close()


def build_tts(settings: TtsSettings, weights: WeightsSettings, store: StoreSettings) -> serve.Application:
    """The stage as an application node. The YAML's `deployments` entry named TTS overrides these options."""
    deployment = serve.deployment(
        name="TTS",
        # One clause is spoken at a time; the others wait here, so that a short one is not sent to a busy replica.
        max_ongoing_requests=4,
        max_queued_requests=16,
        health_check_period_s=10,
        health_check_timeout_s=30,
        graceful_shutdown_timeout_s=10,
        ray_actor_options={"num_cpus": 0.2},
    )(Tts)
    return deployment.bind(settings, weights, store)
