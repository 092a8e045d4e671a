"""Ending work that nobody waits for any more."""

import asyncio
from typing import Any


async def withdraw(task: asyncio.Future[Any]) -> None:
    """Cancels a task and waits until it has really ended. What it ended with is its owner's affair."""
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()  # retrieved, or asyncio would log it as forgotten
