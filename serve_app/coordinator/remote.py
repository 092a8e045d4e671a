"""The Coordinator over a Serve handle: time limits, patience while it restarts, and Ray's errors made ours."""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from deployments.errors import AvatarError, CoordinatorAway
from serve_app.coordinator.contracts import (
    Coordination,
    Load,
    PlaceRequest,
    SessionSnapshot,
    Standing,
)
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.jobs.contracts import Callback, Inventory, Job, Lease, NewJob

logger = logging.getLogger("ray.serve")

_RETRY_SECONDS = 0.25


def remote_coordination(handle: DeploymentHandle[Any], settings: CoordinatorSettings) -> Coordination:
    """The three desks behind one handle."""
    line = _Line(handle, settings)
    return Coordination(_RemotePeople(line, settings.beat_seconds), _RemoteSessions(line), _RemoteJobs(line))


class _Line:
    """Calls of the desks. All raise our errors only: CoordinatorAway where none came back in time."""

    def __init__(self, handle: DeploymentHandle[Any], settings: CoordinatorSettings) -> None:
        self._handle = handle
        self._settings = settings

    async def once(self, desk: str, verb: str, *arguments: object, patience_seconds: float = 0.0) -> Any:
        """Tried once, for `patience_seconds` beyond the usual limit: for what a gateway can do without."""
        return await self._attempt(desk, verb, arguments, self._settings.answer_seconds + patience_seconds)

    async def insist(self, desk: str, verb: str, *arguments: object, patience_seconds: float = 0.0) -> Any:
        """Tried again while the Coordinator restarts. Every verb may be repeated without harm."""
        settings = self._settings
        deadline = time.monotonic() + settings.restart_seconds
        while True:
            left = max(settings.answer_seconds, deadline - time.monotonic())
            try:
                return await self._attempt(desk, verb, arguments, left + patience_seconds)
            except CoordinatorAway:
                if time.monotonic() + _RETRY_SECONDS >= deadline:
                    raise
            await asyncio.sleep(_RETRY_SECONDS)

    async def _attempt(self, desk: str, verb: str, arguments: tuple[object, ...], seconds: float) -> Any:
        response: Any = self._handle.call.remote(desk, verb, arguments)
        try:
            async with asyncio.timeout(seconds):
                return await response
        except TimeoutError as error:
            raise _away(f"it was silent for {seconds:.0f} s") from error
        except (RayError, RayServeException) as error:
            cause = error.cause if isinstance(error, RayTaskError) else error
            if isinstance(cause, AvatarError):
                raise cause from error
            if isinstance(error, RayTaskError):
                logger.warning("the Coordinator failed at %s.%s: %s", desk, verb, error)
            raise _away(type(cause).__name__) from error
        finally:
            with suppress(RayError, RayServeException):
                response.cancel()


def _away(reason: str) -> CoordinatorAway:
    return CoordinatorAway(f"The Coordinator does not answer: {reason}. Try again in a moment; see /health.")


class _RemotePeople:
    """Implements `People`. Nothing is tried twice: who is answered must not wait for the Coordinator's restart."""

    def __init__(self, line: _Line, beat_seconds: float) -> None:
        self._line = line
        self._beat_seconds = beat_seconds

    async def ask(self, request: PlaceRequest, patience_seconds: float = 0.0, queue: bool = True) -> Standing:
        standing: Standing = await self._line.once(
            "people", "ask", request, patience_seconds, queue, patience_seconds=patience_seconds
        )
        return standing

    async def leave(self, place_id: str, unused: bool = False) -> None:
        await self._line.once("people", "leave", place_id, unused)

    async def beat(self, gateway_id: str, place_ids: tuple[str, ...], session_ids: tuple[str, ...]) -> Load:
        # nobody waits for this one: on a busy machine it may take its time
        load: Load = await self._line.once(
            "people", "beat", gateway_id, place_ids, session_ids, patience_seconds=self._beat_seconds
        )
        return load


class _RemoteSessions:
    """Implements `Sessions`."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    async def save(self, snapshot: SessionSnapshot) -> bool:
        return bool(await self._line.insist("sessions", "save", snapshot))

    async def resume(self, session_id: str, token: str, owner: str) -> SessionSnapshot:
        snapshot: SessionSnapshot = await self._line.insist("sessions", "resume", session_id, token, owner)
        return snapshot

    async def drop(self, session_id: str) -> None:
        await self._line.insist("sessions", "drop", session_id)


class _RemoteJobs:
    """Implements `JobQueue`."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    async def create(self, order: NewJob) -> tuple[Job, bool]:
        job, new = await self._line.insist("jobs", "create", order)
        return job, new

    async def get(self, owner: str, job_id: str) -> Job:
        job: Job = await self._line.insist("jobs", "get", owner, job_id)
        return job

    async def list(self, owner: str, limit: int, after: str | None, descending: bool) -> tuple[list[Job], bool]:
        jobs, more = await self._line.insist("jobs", "list", owner, limit, after, descending)
        return jobs, more

    async def delete(self, owner: str, job_id: str) -> Job:
        job: Job = await self._line.insist("jobs", "delete", owner, job_id)
        return job

    async def lease(self, worker: str) -> Lease | None:
        lease: Lease | None = await self._line.insist("jobs", "lease", worker)
        return lease

    async def proceed(self, lease: Lease, patience_seconds: float) -> bool:
        asked = self._line.insist("jobs", "proceed", lease, patience_seconds, patience_seconds=patience_seconds)
        return bool(await asked)

    async def advance(self, lease: Lease, job: Job) -> None:
        await self._line.insist("jobs", "advance", lease, job)

    async def finish(self, lease: Lease, job: Job) -> None:
        await self._line.insist("jobs", "finish", lease, job)

    async def give_back(self, lease: Lease, error_code: str | None = None, error_message: str = "") -> None:
        await self._line.insist("jobs", "give_back", lease, error_code, error_message)

    async def expire(self) -> tuple[str, ...]:
        ids: tuple[str, ...] = await self._line.insist("jobs", "expire")
        return ids

    async def inventory(self) -> Inventory:
        inventory: Inventory = await self._line.insist("jobs", "inventory")
        return inventory

    async def next_callback(self) -> Callback | None:
        callback: Callback | None = await self._line.insist("jobs", "next_callback")
        return callback

    async def called_back(self, callback: Callback, delivered: bool) -> None:
        await self._line.insist("jobs", "called_back", callback, delivered)
