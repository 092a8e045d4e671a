"""The language stage on Ray Serve: a conversation in, speakable text out, streamed."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ray import serve

from deployments.contracts import ReplyRequest
from deployments.errors import AvatarError
from deployments.llm.engines import build_engine
from deployments.llm.metrics import LlmMetrics
from deployments.llm.settings import LlmSettings
from deployments.priority import yield_to_others
from deployments.weights.settings import WeightsSettings

_log = logging.getLogger("ray.serve")


class Llm:
    """One engine. Time limits and retries are the caller's."""

    def __init__(self, settings: LlmSettings, weights: WeightsSettings) -> None:
        """Loads the model and reads the persona; only then is the replica ready."""
        started = time.perf_counter()
        self._metrics = LlmMetrics()
        self._engine = build_engine(settings, weights, self._metrics.event)
        yield_to_others(settings.niceness)
        _log.info("The %s engine is ready after %.1f s", settings.engine, time.perf_counter() - started)

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]:
        """Pieces of the answer as they are made. Cancelled or closed, it ends when the model has stopped."""
        started = time.perf_counter()
        characters = 0
        try:
            async with aclosing(self._engine.reply(request)) as pieces:
                async for piece in pieces:
                    if not characters:
                        self._metrics.first_piece(time.perf_counter() - started)
                        self._metrics.active(self._engine.active)
                    characters += len(piece)
                    yield piece
        except AvatarError as error:
            self._metrics.event(error.code)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            self._metrics.event("cancelled")
            raise
        finally:
            self._metrics.ended(characters, time.perf_counter() - started)
            self._metrics.active(self._engine.active)

    async def check_health(self) -> None:
        """Raises EngineFailed where the model is stuck or its server does not answer: Serve restarts the replica."""
        await self._engine.check()


def build_llm(settings: LlmSettings, weights: WeightsSettings) -> serve.Application:
    """The stage as an application node. The YAML's `deployments` entry named LLM overrides these options."""
    deployment = serve.deployment(
        name="LLM",
        max_ongoing_requests=settings.slots,
        max_queued_requests=8,
        health_check_period_s=10,
        health_check_timeout_s=30,
        graceful_shutdown_timeout_s=10,
        ray_actor_options={"num_cpus": 0.2},
    )(Llm)
    return deployment.bind(settings, weights)
