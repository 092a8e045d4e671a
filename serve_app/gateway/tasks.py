"""How many tasks a gateway has on its event loop: what is left behind by someone who has gone shows here first."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

from serve_app.gateway.meter import Meter

OTHERS = "other"
"""Tasks that are not of this package's coroutines: the web server's and Ray's."""
SECONDS = 5.0


def tasks_now() -> Counter[str]:
    """All tasks of the running event loop, by the name of this package's coroutine that they run."""
    counts: Counter[str] = Counter()
    for task in asyncio.all_tasks():
        coroutine = task.get_coro()
        file = getattr(getattr(coroutine, "cr_code", None), "co_filename", "")
        counts[getattr(coroutine, "__qualname__", OTHERS) if "serve_app" in file else OTHERS] += 1
    return counts


@contextlib.asynccontextmanager
async def counted(meter: Meter, seconds: float = SECONDS) -> AsyncIterator[None]:
    """Tells the meter every so many seconds while the block runs."""

    async def count() -> None:
        while True:
            meter.tasks(tasks_now())
            await asyncio.sleep(seconds)

    task = asyncio.create_task(count())
    try:
        yield
    finally:
        task.cancel()
