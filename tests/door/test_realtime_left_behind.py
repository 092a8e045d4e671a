"""What is left of answers that are over, as long as the garbage collector does not come."""

import asyncio
import gc
import os
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

from serve_app.client import AnswerDone, AsyncAvatarClient, MediaPiece
from serve_app.media.aac import AacEncoder
from tests.door.live import served_here


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
