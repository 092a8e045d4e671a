"""Videos as jobs: the methods of `AvatarClient`."""

import time
from collections.abc import Iterable, Iterator
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


class JobMethods:
    """For texts whose film nobody waits for: the server makes them one after the other, beside the people it talks to,
    and keeps at it through crashes and restarts."""

    def submit(
        self,
        text: str | None = None,
        *,
        audio: Content | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
        **ordered: Unpack[Ordered],
    ) -> Job:
        """Orders a video of a text, spoken as it is, or of the answer to a question. Comes back at once.

        The same `idempotency_key` with the same order gives the same job, however often it is sent.

        >>> from serve_app.client import AvatarClient
        >>> with AvatarClient() as client:
        ...     job = client.submit("Good morning!", voice="af_heart")
        ...     film = client.result(job, timeout_seconds=600)
        ...     print(film.save("out/morning.mp4"), film.job.status, film.job.progress)
        out/morning.mp4 completed 100
        """
        ask = order(text, audio, callback_url, idempotency_key, ordered)
        return job_of(self._sent("POST", "/v1/videos", **ask).json())

    def job(self, job: Job | str) -> Job:
        """A job as it stands now."""
        return job_of(self._sent("GET", path("videos", id_of(job))).json())

    def jobs(self, newest_first: bool = True) -> Iterator[Job]:
        """All jobs of this key that the server still keeps."""
        query: dict[str, str] = {"limit": "100", "order": "desc" if newest_first else "asc"}
        while True:
            page = self._sent("GET", "/v1/videos", params=query).json()
            yield from (job_of(entry) for entry in page["data"])
            if not page["has_more"]:
                return
            query["after"] = page["last_id"]

    def result(self, job: Job | str, timeout_seconds: float | None = None, progress: Told | None = None) -> JobFilm:
        """The film, once it is done. `progress` hears of the job meanwhile.

        Raises the error that the job ended in, NotFound for one that was deleted, TimedOut after `timeout_seconds`;
        the job goes on then. A server that restarts meanwhile is waited for.
        """
        for outcome in self.results([job], timeout_seconds, progress):
            return outcome.film
        raise AssertionError("unreachable")

    def results(
        self, jobs: Iterable[Job | str], timeout_seconds: float | None = None, progress: Told | None = None
    ) -> Iterator[Outcome]:
        """Many jobs at once: what became of each, in the order in which they end. One that fails spares the others.

        >>> from serve_app.client import AvatarClient
        >>> with AvatarClient() as client:
        ...     ordered = [client.submit(text) for text in ("Good morning!", "Good night!")]
        ...     for outcome in client.results(ordered, timeout_seconds=600):
        ...         print(outcome.film.report.reply)
        Good morning!
        Good night!
        """
        waiting = [id_of(job) for job in jobs]
        patience = Patience(timeout_seconds)
        while waiting:
            for job_id in list(waiting):
                outcome = self._looked(job_id, patience, progress)
                if outcome is not None:
                    waiting.remove(job_id)
                    yield outcome
            if waiting:
                time.sleep(patience.pause(len(waiting)))

    def cancel(self, job: Job | str) -> None:
        """Deletes a job in any state: work on it stops within a moment, and its film goes."""
        self._sent("DELETE", path("videos", id_of(job)))

    def _looked(self, job_id: str, patience: Patience, progress: Told | None) -> Outcome | None:
        """What became of the job, if it has ended."""
        try:
            job = self.job(job_id)
            patience.answered()
            if progress is not None:
                progress(job)
            if job.error is not None:
                return Outcome(job, error=job.error)
            if not job.ended:
                return None
            return Outcome(job, job_film(self._sent("GET", path("videos", job_id, "content")).content, job))
        except AvatarError as error:
            if (outcome := refused(job_id, error)) is None:
                patience.away(error)
            return outcome

    def _sent(self, method: str, path: str, **ask: Any) -> httpx.Response:
        raise NotImplementedError
