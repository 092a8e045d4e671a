"""What is left of answers that are over, as long as the garbage collector does not come."""

import asyncio
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette

from serve_app.client import AnswerBegun, AnswerDone, AsyncAvatarClient, MediaPiece
from serve_app.media.aac import AacEncoder
from serve_app.realtime.keeping import Keeper
from tests.door.live import served_here
from tests.door.realtime_line import realtime_app
from tests.fakes.stages import FakeStages


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def encoders() -> int:
    return sum(isinstance(one, AacEncoder) for one in gc.get_objects())


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("interrupted", [False, True])
async def test_no_encoder_with_its_threads_outlives_its_answer(app: Starlette, interrupted: bool) -> None:
    before, threads = encoders(), []
    async with served_here(app) as url, AsyncAvatarClient(url) as client, asyncio.timeout(30):
        for _ in range(3):
            async with client.realtime(video=True, language="en") as talk:
                await talk.say("Hello there. How are you? I have a long story to tell.")
                async for event in talk:
                    if isinstance(event, MediaPiece) and interrupted:
                        await talk.interrupt()
                    if isinstance(event, AnswerDone):
                        break
                while encoders() > before:
                    await asyncio.sleep(0.01)
            threads.append(len(os.listdir("/proc/self/task")))
    assert threads[-1] <= threads[0] + 1, threads


@pytest.mark.parametrize("killed", [False, True], ids=["the line is lost", "the gateway dies"])
async def test_the_next_answer_begins_where_the_media_of_a_broken_off_one_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    app = realtime_app(FakeStages(reply_pieces=("And then they went on. ",) * 20), tmp_path)
    async with (
        served_here(app, timeout_graceful_shutdown=1) as url,
        AsyncAvatarClient(url) as client,
        asyncio.timeout(30),
    ):
        async with client.realtime(video=True, language="en") as talk:
            await talk.say("Hello there. How are you? I have a long story to tell.")
            made_ms = 0
            while made_ms < 600:
                event = await anext(talk)
                assert not isinstance(event, AnswerDone)
                made_ms += event.duration_ms if isinstance(event, MediaPiece) else 0
            ticket = talk.ticket
            if killed:  # it saves nothing any more

                async def nothing(keeper: Keeper, goodbye: bool = False) -> None: ...

                monkeypatch.setattr(Keeper, "last", nothing)
                monkeypatch.setattr(Keeper, "_save", nothing)
            talk.abort()
        async with client.realtime(ticket=ticket) as talk:
            await talk.say("Go on.")
            while not isinstance(event, AnswerBegun):
                event = await anext(talk)
    assert event.start_seconds >= made_ms / 1000
