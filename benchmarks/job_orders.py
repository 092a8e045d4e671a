"""Orders of videos while people talk: none may be lost, none may hold another's words."""

import asyncio
import random
from dataclasses import dataclass, field

import httpx

from benchmarks.own_words import Vocabulary
from serve_app.turn_report import report_in

_ENDED = ("completed", "failed")


@dataclass(slots=True)
class Orders:
    """What was ordered and what became of it. `wrong` must stay empty."""

    ordered: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    completed: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


class Customer:
    """Orders videos by POST /v1/videos, deletes some, and looks at the others in the end."""

    def __init__(self, url: str, words: Vocabulary, chance: random.Random, delete_share: float = 0.2) -> None:
        self.orders = Orders()
        self._url, self._words, self._chance, self._delete_share = url, words, chance, delete_share

    async def order(self, count: int, seconds: float) -> None:
        """So many orders, evenly over this time. Each is repeated with its idempotency key until it is answered."""
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as client:
            for number in range(count):
                word = self._words.new()
                job_id = await self._ordered(client, word, f"load-{word}")
                self.orders.ordered[job_id] = word
                if number and self._chance.random() < self._delete_share:
                    victim = self._chance.choice(sorted(set(self.orders.ordered) - self.orders.deleted))
                    if await self._persist(client, "DELETE", f"/v1/videos/{victim}", (200, 204, 404)):
                        self.orders.deleted.add(victim)
                await asyncio.sleep(seconds / count)

    async def _ordered(self, client: httpx.AsyncClient, word: str, key: str) -> str:
        ask = {"prompt": f"The word is {word}. Say it again.", "language": "en"}
        answer = await self._persist(client, "POST", "/v1/videos", (200, 201, 202), json=ask, key=key)
        return str(answer.json()["id"])

    async def _persist(
        self, client: httpx.AsyncClient, method: str, path: str, good: tuple[int, ...], key: str = "", **ask: object
    ) -> httpx.Response:
        """Asks until there is an answer that is one of `good`: replicas die meanwhile. Raises TimeoutError."""
        headers = {"Idempotency-Key": key} if key else {}
        last = "nothing"
        async with asyncio.timeout(60):
            while True:
                try:
                    answer = await client.request(method, path, headers=headers, **ask)  # type: ignore[arg-type]
                    if answer.status_code in good:
                        return answer
                    last = f"{answer.status_code} {answer.text[:200]}"
                except httpx.HTTPError as error:
                    last = repr(error)
                if last.startswith("4"):
                    raise RuntimeError(f"{method} {path}: {last}")
                self.orders.refused += 1
                await asyncio.sleep(0.5)

    async def collect(self, limit_seconds: float) -> None:
        """Waits until every order that was not deleted has ended, and reads the words that each film speaks. Notes
        what is wrong; raises TimeoutError."""
        async with httpx.AsyncClient(base_url=self._url, timeout=30) as client, asyncio.timeout(limit_seconds):
            for job_id in sorted(set(self.orders.ordered) - self.orders.deleted):
                await self._collect_one(client, job_id, self.orders.ordered[job_id])
            for job_id in self.orders.deleted:
                answer = await self._persist(client, "GET", f"/v1/videos/{job_id}", (200, 404))
                if answer.status_code != 404:
                    self.orders.wrong.append(f"{job_id} was deleted and is there")

    async def _collect_one(self, client: httpx.AsyncClient, job_id: str, word: str) -> None:
        while True:
            answer = await self._persist(client, "GET", f"/v1/videos/{job_id}", (200, 404))
            if answer.status_code == 404:
                self.orders.wrong.append(f"{job_id} is lost")
                return
            job = answer.json()
            if job["status"] in _ENDED:
                break
            await asyncio.sleep(0.5)
        if job["status"] != "completed":
            self.orders.wrong.append(f"{job_id} has {job['status']}: {job.get('error')}")
            return
        film = await self._persist(client, "GET", f"/v1/videos/{job_id}/content", (200,))
        report = report_in(film.content)
        if report is None or word not in report.reply.lower() or self._words.foreign(report.reply, word):
            self.orders.wrong.append(f"{job_id} speaks {report and report.reply!r}, not {word}")
            return
        self.orders.completed += 1
