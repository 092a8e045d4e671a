"""What a session needs of the gateway that it lives in, and what its parts share."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from serve_app.conversation import ConversationSettings
from serve_app.coordinator.contracts import Sessions
from serve_app.coordinator.places import Asker, Places
from serve_app.events import Ended
from serve_app.realtime.configuration import Configuration
from serve_app.realtime.hearing.ear import Ear
from serve_app.realtime.items import History, Item
from serve_app.realtime.media import USUAL_MEDIA_TYPE
from serve_app.realtime.outbox import Outbox
from serve_app.realtime.settings import RealtimeSettings
from serve_app.stages import Stages

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts a task that ends with the session, at the latest."""


class TurnMeter(Protocol):
    """The part of `serve_app.gateway.meter.Meter` that turns have to do with."""

    def first_media(self, seconds: float) -> None: ...

    def turn_ended(self, ended: Ended) -> None: ...

    def turn_failed(self, code: str) -> None: ...


class Choosing(Protocol):
    """`serve_app.gateway.catalogue.Catalogue.choose`: raises Unsupported and NotFound for what is not there."""

    def __call__(self, avatar: str | None, voice: str | None, language: str | None) -> Awaitable[object]: ...


@dataclass
class Host:
    """One gateway, as its sessions see it."""

    stages: Stages
    conversation: ConversationSettings
    settings: RealtimeSettings
    places: Places
    sessions: Sessions
    meter: TurnMeter
    media_type: str = USUAL_MEDIA_TYPE
    """Of the video that the stage makes; learnt from the first that it made."""


def _not_yet(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    raise RuntimeError("The session's tasks have not begun.")


@dataclass
class Talk:
    """One session: what was said, how it is set, and the way out. `epoch` counts its connections.

    `next_frame` is where the next response starts on the session's timeline, and `filming_since` when one began that
    is not over and will move it. `responses` counts them. `filming_since` and `expires_at` in Unix seconds.
    """

    id: str
    token: str
    epoch: int
    owner: str
    asker: Asker
    host: Host
    outbox: Outbox
    ear: Ear
    choose: Choosing
    spawn: Spawn = _not_yet
    configuration: Configuration = field(default_factory=Configuration)
    history: History = field(default_factory=History)
    next_frame: int = 0
    filming_since: float | None = None
    responses: int = 0
    expires_at: int = 0
    changed: Callable[[], None] = lambda: None

    @property
    def conversation_id(self) -> str:
        return self.id.replace("sess_", "conv_", 1)

    @property
    def language(self) -> str | None:
        """ISO 639-1 of the answers, where the client set one."""
        return short(self.configuration.avatar.language)

    @property
    def heard_language(self) -> str | None:
        """The same of what is heard."""
        transcription = self.configuration.audio.input.transcription
        return short(transcription.language if transcription else None) or self.language

    def remember(self, item: Item, after: str | None = None) -> str | None:
        """Adds an item, see `History.add`; where there are too many, the oldest is forgotten, and the client told."""
        previous = self.history.add(item, after)
        while len(self.history.items) > self.host.settings.max_items:
            oldest = next(kept for kept in self.history.items if kept is not item)
            self.history.items.remove(oldest)
            self.outbox.put("conversation.item.deleted", item_id=oldest.id)
        self.changed()
        return previous


def short(tag: str | None) -> str | None:
    """The ISO 639-1 part of a language tag."""
    return tag.split("-")[0].lower() if tag else None
