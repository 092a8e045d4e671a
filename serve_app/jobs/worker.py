"""Works on jobs, one at a time, beside the doors and after them: people go first."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from deployments.errors import AvatarError, Cancelled, NotFound
from deployments.store.store import JOB_AUDIO, JOB_PARTS
from serve_app.jobs.content import delete_content
from serve_app.jobs.contracts import Job, JobStatus, Lease
from serve_app.jobs.film import Film, Studio
from serve_app.jobs.meter import JobMeter
from serve_app.jobs.steady import LeaseLost, steadily
from serve_app.withdrawal import withdraw

logger = logging.getLogger("ray.serve")

_UNEXPECTED = "Something failed inside. The server's log has the details under this video's id."
_FAREWELL_SECONDS = 2.0
"""How long a worker that is shut down tries to give its job back; the lease's end does it otherwise."""


class Worker:
    """Asks the queue for jobs and makes their films, until it is cancelled; then it gives back what it has.

    A job's own fault (a bad text, a voice that was deleted) fails it at once; a fault of the house is tried again.
    """

    def __init__(self, name: str, studio: Studio, meter: JobMeter) -> None:
        self.name = name
        self._studio, self._meter = studio, meter

    async def run(self) -> None:
        settings = self._studio.settings
        ready = False
        while True:
            try:
                # a job begun while the application starts, or while a stage is down, would use up its attempts
                ready = ready or await self._ready()
                lease = await steadily(lambda: self._studio.queue.lease(self.name), settings) if ready else None
                if lease is not None:
                    ready = await self._work(lease)
                    continue
            except Exception:
                logger.exception("the worker of jobs %s goes on after an error", self.name)
            await asyncio.sleep(settings.poll_seconds)

    async def _ready(self) -> bool:
        """Whether all stages answer."""
        try:
            health = await self._studio.stages.health()
        except Exception as error:
            logger.info("the worker of jobs %s waits for the stages: %r", self.name, error)
            return False
        return all(stage.ok for stage in health.values())

    async def _work(self, lease: Lease) -> bool:
        """Whether the stages have done their part."""
        job = lease.job
        logger.info("job %s is worked on by %s, attempt %d", job.id, self.name, job.attempts)
        film = asyncio.ensure_future(Film(self._studio, lease).make())
        signs = asyncio.ensure_future(self._give_signs(lease))
        try:
            await asyncio.wait((film, signs), return_when=asyncio.FIRST_COMPLETED)
            if signs.done():
                await withdraw(film)
                signs.result()
            return await self._end(lease, film)
        except LeaseLost:
            await self._let_go(job)
            return True
        except asyncio.CancelledError:
            await withdraw(film)
            logger.info("job %s is given back: %s stops", job.id, self.name)
            await self._briefly(lambda: self._studio.queue.give_back(lease))
            raise
        finally:
            await withdraw(signs)
            await withdraw(film)

    async def _give_signs(self, lease: Lease) -> None:
        """Renews the lease while a unit takes long. Raises LeaseLost, so that work stops in the midst of a unit."""
        settings = self._studio.settings
        while True:
            await asyncio.sleep(settings.lease_seconds / 3)
            await steadily(lambda: self._studio.queue.proceed(lease, 0.0), settings)

    async def _end(self, lease: Lease, film: "asyncio.Future[Job]") -> bool:
        queue, settings = self._studio.queue, self._studio.settings
        try:
            ended = film.result()
        except LeaseLost:
            raise
        except AvatarError as error:
            if error.status >= 500 or isinstance(error, Cancelled):
                return await self._gone_wrong(lease, error.code, error.message)
            failed = replace(await self._current(lease), status=JobStatus.FAILED)
            ended = replace(failed, error_code=error.code, error_message=error.message)
        except Exception:
            logger.exception("job %s failed in a way that nobody foresaw", lease.job.id)
            return await self._gone_wrong(lease, AvatarError.code, _UNEXPECTED)
        await steadily(lambda: queue.finish(lease, ended), settings)
        logger.info("job %s is %s: %.1f s of video, %s", ended.id, ended.status, ended.seconds, ended.durations)
        self._meter.job_ended(ended.status.value, ended.durations.get("total", 0.0), ended.seconds)
        # the film has all that the parts had, and nobody needs the question any more
        await delete_content(self._studio.store, ended.id, (JOB_PARTS, JOB_AUDIO))
        return True

    async def _gone_wrong(self, lease: Lease, code: str, message: str) -> bool:
        logger.warning("job %s went wrong: %s", lease.job.id, message)
        queue, job = self._studio.queue, lease.job
        await steadily(lambda: queue.give_back(lease, code, message), self._studio.settings)
        with contextlib.suppress(NotFound):  # deleted at this very moment
            after = await steadily(lambda: queue.get(job.order.owner, job.id), self._studio.settings)
            if after.ended:
                self._meter.job_ended(after.status.value, after.durations.get("total", 0.0), after.seconds)
        return False

    async def _current(self, lease: Lease) -> Job:
        """The job with the progress it has made."""
        owner, job_id = lease.job.order.owner, lease.job.id
        try:
            return await steadily(lambda: self._studio.queue.get(owner, job_id), self._studio.settings)
        except NotFound as error:
            raise LeaseLost(error.message) from error

    async def _let_go(self, job: Job) -> None:
        """The job was deleted, or is another worker's now. In the first case what was stored for it goes too: the
        door deleted what there was when it was asked to, and this worker may have added to it since."""
        logger.info("job %s was taken from %s", job.id, self.name)
        try:
            await steadily(lambda: self._studio.queue.get(job.order.owner, job.id), self._studio.settings)
        except NotFound:
            await delete_content(self._studio.store, job.id)

    async def _briefly(self, ask: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(_FAREWELL_SECONDS):
                with contextlib.suppress(LeaseLost):
                    await steadily(ask, self._studio.settings)
        except (TimeoutError, AvatarError) as error:
            logger.warning("a job could not be given back (%s); its lease will end", error)
