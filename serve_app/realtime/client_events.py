"""What a client may send: OpenAI's Realtime events that have a meaning here, and the playback report."""

import json
from typing import Annotated, Literal

from pydantic import Field

from serve_app.realtime.configuration import MaxTokens, Modalities, Nothing, OutputFormat, Part, Text, Voice, checked
from serve_app.realtime.failures import InvalidEvent

Id = Annotated[Text, Field(min_length=1, max_length=128)]
Milliseconds = Annotated[int, Field(ge=0)]


class ClientEvent(Part):
    type: str
    event_id: Annotated[Text, Field(max_length=512)] | None = None


class SessionUpdate(ClientEvent):
    session: dict[str, object]


class AudioAppend(ClientEvent):
    """`audio`: base64 of PCM16, little-endian, mono, at the session's rate."""

    audio: str


class AudioCommit(ClientEvent): ...


class AudioClear(ClientEvent): ...


class Content(Part):
    """A part of a message. Pictures are not offered, nor an assistant's sound."""

    type: Literal["input_text", "input_audio", "output_text", "output_audio", "text"]
    text: Text | None = None
    audio: str | None = None
    transcript: Text | None = None


class Message(Part):
    type: Literal["message"]
    role: Literal["user", "assistant", "system"]
    content: tuple[Content, ...]
    id: Id | None = None
    object: Literal["realtime.item"] | None = None
    status: Literal["completed", "incomplete", "in_progress"] | None = None


class Reference(Part):
    """An item of the conversation, by its name."""

    type: Literal["item_reference"]
    id: Id


class ItemCreate(ClientEvent):
    item: Message
    previous_item_id: Id | None = None


class ItemRetrieve(ClientEvent):
    item_id: Id


class ItemDelete(ClientEvent):
    item_id: Id


class ItemTruncate(ClientEvent):
    item_id: Id
    content_index: Literal[0]
    audio_end_ms: Milliseconds


class ResponseOutput(Part):
    voice: Voice | None = None
    format: OutputFormat | None = None


class ResponseAudio(Part):
    output: ResponseOutput | None = None


class ResponseFields(Part):
    """What one response is to be like; what is left out is as the session says."""

    instructions: Text | None = None
    output_modalities: Modalities | None = None
    max_output_tokens: MaxTokens | None = None
    conversation: Literal["auto", "none"] | None = None
    input: tuple[Annotated[Message | Reference, Field(discriminator="type")], ...] | None = None
    metadata: dict[str, str] | None = None
    audio: ResponseAudio | None = None
    tools: Nothing | None = None
    tool_choice: Literal["auto", "none"] | None = None


class ResponseCreate(ClientEvent):
    response: ResponseFields | None = None


class ResponseCancel(ClientEvent):
    response_id: Id | None = None


class OutputClear(ClientEvent): ...


class PlaybackReport(ClientEvent):
    """How much of a response's media has been played; `stalled`: playback stands still."""

    response_id: Id
    played_ms: Milliseconds
    stalled: bool = False


EVENTS: dict[str, type[ClientEvent]] = {
    "session.update": SessionUpdate,
    "input_audio_buffer.append": AudioAppend,
    "input_audio_buffer.commit": AudioCommit,
    "input_audio_buffer.clear": AudioClear,
    "conversation.item.create": ItemCreate,
    "conversation.item.retrieve": ItemRetrieve,
    "conversation.item.delete": ItemDelete,
    "conversation.item.truncate": ItemTruncate,
    "response.create": ResponseCreate,
    "response.cancel": ResponseCancel,
    "output_audio_buffer.clear": OutputClear,
    "avatar.playback": PlaybackReport,
}


def object_of(message: str) -> dict[str, object]:
    """A text message as a JSON object (RFC 8259: no NaN). Raises InvalidEvent."""

    def refuse(constant: str) -> object:
        raise ValueError(f"{constant} is not JSON")

    try:
        fields = json.loads(message, parse_constant=refuse)
        message.encode()
    except (ValueError, RecursionError) as error:
        said = str(error)[:200] or "nested too deeply"
        raise InvalidEvent(f"The message is not valid JSON: {said}.", "invalid_json") from error
    if not isinstance(fields, dict):
        raise InvalidEvent("The message has to be a JSON object with a type.", "invalid_json")
    return fields


def client_event(fields: dict[str, object]) -> ClientEvent:
    """Raises InvalidEvent for a type that is not known, and for fields that are wrong or not offered."""
    kind = fields.get("type")
    model = EVENTS.get(kind) if isinstance(kind, str) else None
    if model is None:
        known = ", ".join(EVENTS)
        raise InvalidEvent(f"There is no client event {str(kind)[:80]!r}. Known are: {known}.", "unsupported", "type")
    return checked(model, fields, "")
