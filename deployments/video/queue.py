"""Steps that wait for the engine: taken together when several are already there, never kept waiting for company."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from deployments.contracts import Step, Stepped
from deployments.errors import EngineFailed

Work = Callable[[Sequence[Step]], Awaitable[Sequence[Stepped | Exception]]]


class StepQueue:
    """Hands waiting steps to `work`, at most `limit` at a time and one batch after the other. For one event loop."""

    def __init__(self, work: Work, limit: int) -> None:
        self._work = work
        self._limit = limit
        self._waiting: deque[tuple[Step, asyncio.Future[Stepped]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Steps that have not been begun."""
        return len(self._waiting)

    async def step(self, step: Step) -> Stepped:
        """The step's result, or its error. A caller that gives up before its step is begun takes it back."""
        answer: asyncio.Future[Stepped] = asyncio.get_running_loop().create_future()
        self._waiting.append((step, answer))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            batch: list[tuple[Step, asyncio.Future[Stepped]]] = []
            while self._waiting and len(batch) < self._limit:
                step, answer = self._waiting.popleft()
                if not answer.done():
                    batch.append((step, answer))
            if batch:
                await self._answer(batch)

    async def _answer(self, batch: list[tuple[Step, asyncio.Future[Stepped]]]) -> None:
        try:
            results: Sequence[Stepped | Exception] = await self._work([step for step, _ in batch])
            if len(results) != len(batch):
                raise EngineFailed(f"The video engine gave {len(results)} results for {len(batch)} steps.")
        except Exception as error:  # each caller gets it; the queue goes on
            results = [error] * len(batch)
        for (_, answer), result in zip(batch, results, strict=True):
            if answer.done():
                continue
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)
