"""What keeps the queue's house in order: callbacks, expired jobs, what crashes have left, and the count of it all."""

import asyncio
import logging
import time

from deployments.errors import AvatarError
from deployments.store.store import JOB_AUDIO, Store
from serve_app.jobs.callbacks import Caller, secret_of
from serve_app.jobs.content import KINDS, delete_blob, delete_content
from serve_app.jobs.contracts import JobQueue
from serve_app.jobs.meter import JobMeter
from serve_app.jobs.settings import JobSettings
from serve_app.stages import Stages

logger = logging.getLogger("ray.serve")

_COUNT_SECONDS = 15.0


class Upkeep:
    """Each gateway has one; they do not get in each other's way."""

    def __init__(self, queue: JobQueue, store: Store, stages: Stages, settings: JobSettings, meter: JobMeter) -> None:
        """Raises ValueError for a secret that cannot be read."""
        self._queue, self._store, self._stages = queue, store, stages
        self._settings, self._meter = settings, meter
        self._secret = secret_of(settings)
        self._suspects: set[tuple[str, str]] = set()

    async def run(self) -> None:
        """Until it is cancelled. What fails is tried again the next time."""
        caller = Caller(self._settings, self._secret) if self._secret else None
        sweep_at = count_at = 0.0
        try:
            while True:
                try:
                    while caller is not None and await self.call(caller):
                        pass
                    if time.monotonic() >= count_at:
                        count_at = time.monotonic() + _COUNT_SECONDS
                        self._meter.jobs((await self._queue.inventory()).counts)
                    if time.monotonic() >= sweep_at:
                        sweep_at = time.monotonic() + self._settings.sweep_seconds
                        await self.sweep()
                except AvatarError as error:
                    logger.warning("the upkeep of jobs waits: %s", error.message)
                except Exception:
                    logger.exception("the upkeep of jobs goes on after an error")
                await asyncio.sleep(self._settings.poll_seconds)
        finally:
            if caller is not None:
                await caller.close()

    async def call(self, caller: Caller) -> bool:
        """Makes the next callback that is due; whether there was one."""
        callback = await self._queue.next_callback()
        if callback is None:
            return False
        try:
            frame_size = (await self._stages.describe_video()).frame_size
        except AvatarError as error:
            logger.info("a callback goes without the frame size: %s", error.message)
            frame_size = None
        await self._queue.called_back(callback, await caller.call(callback, frame_size))
        return True

    async def sweep(self) -> int:
        """Deletes expired jobs with all that is theirs, and blobs that no job refers to; how many jobs and blobs.

        A blob may be a moment older than the job's word of it: only what was unknown at the last sweep too goes.
        """
        expired = await self._queue.expire()
        for job_id in expired:
            await delete_content(self._store, job_id)
        stored = [(kind, key) for kind in KINDS for key in await asyncio.to_thread(self._store.list, kind)]
        known = await self._queue.inventory()
        unknown = {
            (kind, key)
            for kind, key in stored
            if key not in (known.audio_keys if kind == JOB_AUDIO else known.content_keys)
        }
        leftovers = unknown & self._suspects
        for kind, key in leftovers:
            await delete_blob(self._store, kind, key)
        self._suspects = unknown - leftovers
        if expired or leftovers:
            logger.info("deleted %d expired videos and %d blobs of no video", len(expired), len(leftovers))
        return len(expired) + len(leftovers)
