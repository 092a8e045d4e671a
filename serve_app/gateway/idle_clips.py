"""The living silent face: one short clip an avatar, made by the video stage out of silence, kept in the store.

It begins and ends in the rest pose, as every answer does: a client loops it and cuts to an answer and back without a
jump. See `docs/realtime.md`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np

from deployments.contracts import SAMPLES_PER_FRAME, EncodedFrame, Step
from deployments.errors import AtCapacity, AvatarError, NotFound
from deployments.store.store import IDLE_CLIPS
from serve_app.gateway.context import DoorContext
from serve_app.gateway.identity import Identity
from serve_app.media.whole import whole_mp4

logger = logging.getLogger("ray.serve")

IDLE_FRAMES = 185
"""7.4 s."""
IDLE_SEED = 1300
"""Of three thousand seeds one with two blinks and one glance in this time, whose head happens to be within a pixel of
its rest when the clip ends, so that it has no way to hurry back. A test keeps it."""
STEP_FRAMES = 10
"""In one step, so that somebody's answer waits for no more than these."""
_AGAIN_SECONDS = 5.0


@dataclass(slots=True)
class _Making:
    """A clip that is being made, and how many wait for it."""

    task: asyncio.Task[bytes]
    waiters: int = 0


class IdleClips:
    """One gateway's clips. First requests that come together share one making; it stops when all have hung up."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context
        self._under_way: dict[str, _Making] = {}

    async def clip(self, avatar_id: str, identity: Identity) -> bytes:
        """The MP4. Making one takes a place. Raises NotFound, AtCapacity, and what the video stage raises."""
        context = self._context
        await context.catalogue.choose(identity.name, avatar_id, None, None)
        described = await context.stages.describe_video()
        key = f"{avatar_id}.{described.fingerprint}"
        try:
            return await asyncio.to_thread(context.store.get, IDLE_CLIPS, key)
        except NotFound:
            return await self._shared(avatar_id, key, identity)

    async def _shared(self, avatar_id: str, key: str, identity: Identity) -> bytes:
        making = self._under_way.get(key)
        if making is None:
            making = self._under_way[key] = _Making(asyncio.create_task(self._make(avatar_id, key, identity)))
        making.waiters += 1
        try:
            return await asyncio.shield(making.task)
        finally:
            making.waiters -= 1
            if not making.waiters:
                making.task.cancel()
                if self._under_way.get(key) is making:
                    del self._under_way[key]

    async def _make(self, avatar_id: str, key: str, identity: Identity) -> bytes:
        context = self._context
        async with context.places.place(identity, turn=False):
            described = await context.stages.describe_video()
            frames = await self._frames(avatar_id)
            film = await asyncio.to_thread(whole_mp4, frames, None, described.frame_size)
        await asyncio.to_thread(self._keep, avatar_id, key, film)
        try:  # an upload may have been deleted meanwhile: nothing of it may stay behind
            await context.catalogue.choose(identity.name, avatar_id, None, None)
        except NotFound:
            await asyncio.to_thread(self._drop, key)
            raise
        logger.info("made the idle clip of %s: %d frames, %d bytes", avatar_id, len(frames), len(film))
        return film

    async def _frames(self, avatar_id: str) -> list[EncodedFrame]:
        frames: list[EncodedFrame] = []
        state: bytes | None = None
        for first in range(0, IDLE_FRAMES, STEP_FRAMES):
            count = min(STEP_FRAMES, IDLE_FRAMES - first)
            silence = np.zeros(count * SAMPLES_PER_FRAME, np.float32)
            final = first + count == IDLE_FRAMES
            stepped = await self._context.stages.step(Step(avatar_id, silence, state, final, seed=IDLE_SEED))
            state = stepped.state
            frames += stepped.frames
        return frames

    def _keep(self, avatar_id: str, key: str, film: bytes) -> None:
        """Stores a clip, in place of those that other settings or an older version have made."""
        store = self._context.store
        store.put(IDLE_CLIPS, key, film)
        for other in store.list(IDLE_CLIPS):
            if other.rpartition(".")[0] == avatar_id and other != key:
                self._drop(other)

    def _drop(self, key: str) -> None:
        try:
            self._context.store.delete(IDLE_CLIPS, key)
        except NotFound:
            logger.info("the idle clip %s was gone already", key)


@asynccontextmanager
async def prepared(clips: IdleClips, avatar_id: str) -> AsyncIterator[None]:
    """Makes an avatar's clip in the background, as soon as the stages are up and a place is free, so that the first
    visitor need not wait for it."""

    async def prepare() -> None:
        while True:
            try:
                await clips.clip(avatar_id, Identity())
                return
            except AtCapacity:
                await asyncio.sleep(_AGAIN_SECONDS)
            except AvatarError as error:
                logger.warning("the idle clip of %s is left to the first request: %s", avatar_id, error.message)
                return

    task = asyncio.create_task(prepare())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
