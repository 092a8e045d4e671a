"""A gateway's own workers, while the gateway runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from serve_app.gateway.context import DoorContext
from serve_app.jobs.film import Studio
from serve_app.jobs.upkeep import Upkeep
from serve_app.jobs.worker import Worker


@contextlib.asynccontextmanager
async def working(context: DoorContext) -> AsyncIterator[None]:
    """Workers and upkeep while the block runs. At its end work under way stops and is given back."""
    queue, settings = context.coordination.jobs, context.jobs
    studio = Studio(queue, context.stages, context.store, context.conversation, context.settings.media, settings)
    names = [context.replica_id, *(f"{context.replica_id}/{number}" for number in range(2, settings.workers + 1))]
    workers = [Worker(name, studio, context.meter) for name in names[: settings.workers]]
    upkeep = Upkeep(queue, context.store, context.stages, settings, context.meter)
    tasks = [asyncio.create_task(run()) for run in (upkeep.run, *(worker.run for worker in workers))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
