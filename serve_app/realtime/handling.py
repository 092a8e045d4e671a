"""What each client event does."""

from collections.abc import Awaitable, Callable
from typing import Any

from deployments.errors import AvatarError
from serve_app.realtime.answering import Answering
from serve_app.realtime.client_events import (
    AudioAppend,
    AudioClear,
    AudioCommit,
    ClientEvent,
    ItemCreate,
    ItemDelete,
    ItemRetrieve,
    ItemTruncate,
    OutputClear,
    PlaybackReport,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from serve_app.realtime.configuration import Configuration
from serve_app.realtime.failures import InvalidEvent
from serve_app.realtime.given import check_length, input_items, pcm16_of, spoken_item, text_item
from serve_app.realtime.host import Talk
from serve_app.realtime.listening import Listening
from serve_app.realtime.session_object import session_object
from serve_app.voice_names import our_voice

Handler = Callable[[Any], Awaitable[None]]


class Handling:
    """Every handler raises AvatarError for what is not done, and has then changed nothing."""

    def __init__(self, talk: Talk, listening: Listening, answering: Answering) -> None:
        self._talk, self._listening, self._answering = talk, listening, answering
        self._handlers: dict[type[ClientEvent], Handler] = {
            SessionUpdate: self._update,
            AudioAppend: self._append,
            AudioCommit: self._commit,
            AudioClear: self._clear,
            ItemCreate: self._create,
            ItemRetrieve: self._retrieve,
            ItemDelete: self._delete,
            ItemTruncate: self._truncate,
            ResponseCreate: self._respond,
            ResponseCancel: self._cancel,
            OutputClear: self._clear_output,
            PlaybackReport: self._played,
        }

    async def handle(self, event: ClientEvent) -> None:
        await self._handlers[type(event)](event)

    async def _update(self, event: SessionUpdate) -> None:
        old = self._talk.configuration
        new = old.updated(event.session)
        await self._check(new)
        self._talk.configuration = new
        if (new.audio.input.turn_detection, new.audio.input.format) != (
            old.audio.input.turn_detection,
            old.audio.input.format,
        ):
            self._listening.configure()
        self._talk.outbox.put("session.updated", session=await session_object(self._talk))
        self._talk.changed()

    async def _check(self, new: Configuration) -> None:
        """Whether what is named there exists. Raises InvalidEvent that names the field."""
        check_length(new.instructions or "", self._talk.host.settings, "session.instructions")
        transcription = new.audio.input.transcription
        voice = our_voice(new.audio.output.voice)
        for param, choice in (
            ("session.avatar.id", (new.avatar.id, None, None)),
            ("session.audio.output.voice", (None, voice, None)),
            ("session.avatar.language", (None, None, new.avatar.language)),
            ("session.audio.input.transcription.language", (None, None, transcription and transcription.language)),
        ):
            try:
                await self._talk.choose(*choice)
            except AvatarError as error:
                raise InvalidEvent(error.message, error.code, param) from error

    async def _append(self, event: AudioAppend) -> None:
        await self._listening.hear(pcm16_of(event.audio, "audio"))

    async def _commit(self, event: AudioCommit) -> None:
        self._listening.commit()

    async def _clear(self, event: AudioClear) -> None:
        self._listening.clear()

    async def _create(self, event: ItemCreate) -> None:
        settings = self._talk.host.settings
        spoken = spoken_item(event.item, self._talk.configuration.audio.input.format.rate, settings)
        if spoken is not None:
            self._listening.add_spoken(*spoken, event.previous_item_id)
            return
        item = text_item(event.item, settings, "item")
        previous = self._talk.remember(item, event.previous_item_id)
        for kind in ("conversation.item.added", "conversation.item.done"):
            self._talk.outbox.put(kind, previous_item_id=previous, item=item.as_json())

    async def _retrieve(self, event: ItemRetrieve) -> None:
        item = self._talk.history.find(event.item_id)
        self._talk.outbox.put("conversation.item.retrieved", item=item.as_json())

    async def _delete(self, event: ItemDelete) -> None:
        self._talk.history.remove(event.item_id)
        self._talk.outbox.put("conversation.item.deleted", item_id=event.item_id)
        self._talk.changed()

    async def _truncate(self, event: ItemTruncate) -> None:
        self._answering.truncate(event.item_id, event.audio_end_ms)

    async def _respond(self, event: ResponseCreate) -> None:
        fields = event.response
        given = None
        if fields is not None:
            if fields.input is not None:
                given = input_items(fields.input, self._talk.history, self._talk.host.settings)
            check_length(fields.instructions or "", self._talk.host.settings, "response.instructions")
            output = fields.audio.output if fields.audio else None
            if output is not None and (voice := our_voice(output.voice)) is not None:
                try:
                    await self._talk.choose(None, voice, None)
                except AvatarError as error:
                    raise InvalidEvent(error.message, error.code, "response.audio.output.voice") from error
        self._answering.respond(fields, given, self._listening.last_turn)

    async def _cancel(self, event: ResponseCancel) -> None:
        self._answering.cancel(event.response_id)

    async def _clear_output(self, event: OutputClear) -> None:
        self._answering.clear()

    async def _played(self, event: PlaybackReport) -> None:
        self._answering.played(event.response_id, event.played_ms / 1000, event.stalled)
