"""What of a session outlives its connection, and how it gets back."""

import asyncio
import json
import logging
import math
import time

from deployments.contracts import FRAMES_PER_SECOND
from deployments.errors import AvatarError
from serve_app.coordinator.contracts import SessionSnapshot
from serve_app.realtime.configuration import Configuration
from serve_app.realtime.failures import CloseCode, SessionEnd, TakenOver
from serve_app.realtime.host import Talk
from serve_app.realtime.items import History, Item

logger = logging.getLogger("ray.serve")


def snapshot_of(talk: Talk) -> SessionSnapshot:
    state = {
        "configuration": talk.configuration.model_dump(mode="json"),
        "items": [item.as_state() for item in talk.history.items],
        "next_frame": talk.next_frame,
        "filming_since": talk.filming_since,
        "responses": talk.responses,
    }
    messages, data = talk.history.messages(), json.dumps(state, ensure_ascii=False)
    return SessionSnapshot(talk.id, talk.token, talk.owner, talk.epoch, messages, data)


def restore(talk: Talk, snapshot: SessionSnapshot) -> None:
    """Goes on where the snapshot was taken. What was being answered then is over: an answer begun stays as it was."""
    state = json.loads(snapshot.data)
    talk.epoch = snapshot.epoch
    talk.configuration = Configuration.model_validate_json(json.dumps(state["configuration"]), strict=True)
    talk.history = History(Item.from_state(item) for item in state["items"])
    talk.next_frame, talk.responses = state["next_frame"], state["responses"]
    if (since := state.get("filming_since")) is not None:
        # The gateway died in the middle of an answer. No more of it can have been sent than there was time for.
        seconds = max(0.0, time.time() - since) + talk.host.conversation.max_ahead_seconds
        talk.next_frame += math.ceil(seconds * FRAMES_PER_SECOND)
    for item in talk.history.items:
        if item.status == "in_progress":
            item.status = "incomplete"


class Keeper:
    """Saves the session after changes, in the background; of several the latest wins."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._changed = asyncio.Event()
        self._changed.set()

    def note(self) -> None:
        self._changed.set()

    async def run(self) -> None:
        """Raises SessionEnd where a newer connection owns the session."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._save()
            except AvatarError as error:
                logger.warning("session %s could not be saved, the next attempt is due: %s", self._talk.id, error)
                self._changed.set()
                await asyncio.sleep(self._talk.host.settings.save_retry_seconds)

    async def last(self, goodbye: bool) -> None:
        """The connection is over: what was not saved yet is, or all is forgotten where the client said goodbye."""
        settings = self._talk.host.settings
        try:
            async with asyncio.timeout(settings.farewell_seconds if goodbye else settings.last_save_seconds):
                if goodbye:
                    await self._talk.host.sessions.drop(self._talk.id)
                else:
                    await self._talk.host.sessions.save(snapshot_of(self._talk))
        except (AvatarError, TimeoutError) as error:
            logger.warning("session %s could not be saved for the last time: %r", self._talk.id, error)

    async def _save(self) -> None:
        if not await self._talk.host.sessions.save(snapshot_of(self._talk)):
            raise SessionEnd(CloseCode.TAKEN_OVER, TakenOver("The session goes on over a newer connection."))
