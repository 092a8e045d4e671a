"""The queue before the engine: batches what waits, spares what is good, forgets what nobody wants any more."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from deployments.contracts import Step, Stepped
from deployments.errors import BadInput
from deployments.video.queue import StepQueue

pytestmark = pytest.mark.plain


def step(name: str) -> Step:
    return Step(name, np.zeros(0, np.float32))


class Engine:
    """Answers each step with its avatar's name, when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def work(self, batch: Sequence[Step]) -> list[Stepped | Exception]:
        self.batches.append([step.avatar_id for step in batch])
        await self.gate.wait()
        return [self._one(step) for step in batch]

    @staticmethod
    def _one(step: Step) -> Stepped | Exception:
        if step.avatar_id == "explode":
            raise RuntimeError("the engine is broken")
        return BadInput("bad") if step.avatar_id == "bad" else Stepped((), step.avatar_id.encode())


async def test_a_lone_step_starts_at_once_and_those_that_wait_go_together() -> None:
    engine = Engine()
    engine.gate.clear()
    queue = StepQueue(engine.work, limit=3)
    calls = [asyncio.create_task(queue.step(step("first")))]
    await asyncio.sleep(0)
    calls += [asyncio.create_task(queue.step(step(name))) for name in "abcd"]
    await asyncio.sleep(0.01)
    engine.gate.set()
    answers = await asyncio.gather(*calls)
    assert [answer.state for answer in answers] == [b"first", b"a", b"b", b"c", b"d"]
    assert engine.batches == [["first"], ["a", "b", "c"], ["d"]]


async def test_a_bad_step_gets_its_own_error() -> None:
    queue = StepQueue(Engine().work, limit=8)
    good, bad = await asyncio.gather(queue.step(step("x")), queue.step(step("bad")), return_exceptions=True)
    assert isinstance(good, Stepped) and isinstance(bad, BadInput)


async def test_a_broken_engine_fails_the_batch_and_not_the_queue() -> None:
    queue = StepQueue(Engine().work, limit=8)
    with pytest.raises(RuntimeError):
        await queue.step(step("explode"))
    assert (await queue.step(step("later"))).state == b"later"


async def test_a_step_that_nobody_waits_for_is_not_made() -> None:
    engine = Engine()
    engine.gate.clear()
    queue = StepQueue(engine.work, limit=1)
    calls = [asyncio.create_task(queue.step(step(name))) for name in "abc"]
    await asyncio.sleep(0.01)
    calls[1].cancel()
    engine.gate.set()
    assert (await calls[2]).state == b"c"
    assert engine.batches == [["a"], ["c"]]
