"""Asking the queue again and again while the Coordinator restarts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from deployments.errors import AvatarError, Cancelled
from serve_app.jobs.settings import JobSettings

logger = logging.getLogger("ray.serve")
T = TypeVar("T")

_SERVER_ERRORS = 500


class LeaseLost(Exception):
    """The job was deleted or another worker has it: nobody waits for this work any more."""


async def steadily(ask: Callable[[], Awaitable[T]], settings: JobSettings) -> T:
    """The queue's answer, however long it takes to come. Raises LeaseLost, and the queue's own refusals."""
    wait = settings.backoff_seconds
    while True:
        try:
            return await ask()
        except Cancelled as error:
            raise LeaseLost(error.message) from error
        except AvatarError as error:
            if error.status < _SERVER_ERRORS:
                raise
            logger.warning("the queue of jobs does not answer (%s); the next attempt is in %.1f s", error.message, wait)
        await asyncio.sleep(wait)
        wait = min(2 * wait, settings.longest_backoff_seconds)
