"""Videos as jobs: the methods of `AsyncAvatarClient`."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any, Unpack

import httpx

from deployments.errors import AvatarError
from serve_app.client.asking import Content, path
from serve_app.client.jobs import (
    Job,
    JobFilm,
    Ordered,
    Outcome,
    Patience,
    Told,
    id_of,
    job_film,
    job_of,
    order,
    refused,
)


class AsyncJobMethods:
    """`JobMethods` to be awaited."""

    async def submit(
        self,
        text: str | None = None,
        *,
        audio: Content | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
        **ordered: Unpack[Ordered],
    ) -> Job:
        ask = order(text, audio, callback_url, idempotency_key, ordered)
        return job_of((await self._sent("POST", "/v1/videos", **ask)).json())

    async def job(self, job: Job | str) -> Job:
        return job_of((await self._sent("GET", path("videos", id_of(job)))).json())

    async def jobs(self, newest_first: bool = True) -> AsyncIterator[Job]:
        query: dict[str, str] = {"limit": "100", "order": "desc" if newest_first else "asc"}
        while True:
            page = (await self._sent("GET", "/v1/videos", params=query)).json()
            for entry in page["data"]:
                yield job_of(entry)
            if not page["has_more"]:
                return
            query["after"] = page["last_id"]

    async def result(
        self, job: Job | str, timeout_seconds: float | None = None, progress: Told | None = None
    ) -> JobFilm:
        async for outcome in self.results([job], timeout_seconds, progress):
            return outcome.film
        raise AssertionError("unreachable")

    async def results(
        self, jobs: Iterable[Job | str], timeout_seconds: float | None = None, progress: Told | None = None
    ) -> AsyncIterator[Outcome]:
        waiting = [id_of(job) for job in jobs]
        patience = Patience(timeout_seconds)
        while waiting:
            for job_id in list(waiting):
                outcome = await self._looked(job_id, patience, progress)
                if outcome is not None:
                    waiting.remove(job_id)
                    yield outcome
            if waiting:
                await asyncio.sleep(patience.pause(len(waiting)))

    async def cancel(self, job: Job | str) -> None:
        await self._sent("DELETE", path("videos", id_of(job)))

    async def _looked(self, job_id: str, patience: Patience, progress: Told | None) -> Outcome | None:
        try:
            job = await self.job(job_id)
            patience.answered()
            if progress is not None:
                progress(job)
            if job.error is not None:
                return Outcome(job, error=job.error)
            if not job.ended:
                return None
            content = await self._sent("GET", path("videos", job_id, "content"))
            return Outcome(job, job_film(content.content, job))
        except AvatarError as error:
            if (outcome := refused(job_id, error)) is None:
                patience.away(error)
            return outcome

    async def _sent(self, method: str, path: str, **ask: Any) -> httpx.Response:
        raise NotImplementedError
