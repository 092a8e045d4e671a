"""Who waits for an idle clip, and who no longer does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deployments.errors import NotFound
from deployments.store.store import IDLE_CLIPS, Store
from serve_app.gateway.context import DoorContext
from serve_app.gateway.identity import Identity
from serve_app.gateway.idle_clips import IDLE_FRAMES, STEP_FRAMES, IdleClips
from tests.fakes.stages import FakeStages

STEPS = -(-IDLE_FRAMES // STEP_FRAMES)


class House:
    """As much of a DoorContext as a clip needs. `gone` avatars are unknown."""

    def __init__(self, folder: Path) -> None:
        self.stages = FakeStages(delays={"step": 0.005})
        self.store = Store(folder)
        self.gone: set[str] = set()
        self.held = 0
        self.context = cast(
            DoorContext,
            SimpleNamespace(
                stages=self.stages,
                store=self.store,
                catalogue=SimpleNamespace(choose=self._choose),
                places=SimpleNamespace(place=self._place),
            ),
        )

    async def _choose(self, owner: str, avatar: str, voice: None, language: None) -> None:
        if avatar in self.gone:
            raise NotFound(f"There is no avatar {avatar!r}.")

    @asynccontextmanager
    async def _place(self, identity: Identity, **more: Any) -> AsyncIterator[None]:
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1

    @property
    def steps(self) -> int:
        return len(self.stages.asked("step"))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def begun(house: House, clips: IdleClips, count: int) -> list["asyncio.Task[bytes]"]:
    """So many who wait for a clip that is being made."""
    waiting = [asyncio.create_task(clips.clip("grace_hopper", Identity())) for _ in range(count)]
    while house.steps < 3:
        await asyncio.sleep(0.001)
    return waiting


async def test_one_who_hangs_up_leaves_the_others_their_clip(house: House) -> None:
    impatient, patient = await begun(house, IdleClips(house.context), 2)
    impatient.cancel()
    assert (await patient)[4:8] == b"ftyp"
    assert impatient.cancelled() and house.steps == STEPS


async def test_it_stops_when_nobody_waits_any_more_and_can_begin_again(house: House) -> None:
    clips = IdleClips(house.context)
    waiting = await begun(house, clips, 2)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.sleep(0.05)
    stopped = house.steps
    assert stopped < STEPS and house.held == 0 and house.store.list(IDLE_CLIPS) == []
    assert await clips.clip("grace_hopper", Identity())
    assert house.steps == stopped + STEPS


async def test_nothing_stays_of_an_avatar_that_was_deleted_meanwhile(house: House) -> None:
    (waiting,) = await begun(house, IdleClips(house.context), 1)
    house.gone.add("grace_hopper")
    with pytest.raises(NotFound):
        await waiting
    assert house.store.list(IDLE_CLIPS) == []
