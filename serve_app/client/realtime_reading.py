"""The realtime socket's messages, JSON and binary, into values."""

import base64
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

from serve_app.client.failures import broken_off
from serve_app.client.realtime_events import (
    AnswerBegun,
    AnswerDone,
    Caption,
    HeardAll,
    HeardPiece,
    ItemDone,
    MediaPiece,
    Other,
    Queued,
    RealtimeEvent,
    Refusal,
    SessionCreated,
    SessionUpdated,
    SpeechStarted,
    SpeechStopped,
)

MEDIA_HEADER = struct.Struct(">4sIII")
"""A binary message's head: magic, the answer's number, start and duration in milliseconds within the answer."""
MEDIA_MAGIC = b"AVM1"
SPEECH_RATE_HZ = 24_000
"""Of `response.output_audio.delta`: PCM16, one channel."""
_KEPT_ANSWERS = 16

Content = Mapping[str, Any]


class EventReader:
    """Reads one connection's messages in order: binary media belong to answers that were announced before.

    `items` maps the answers' ids to those of their messages.
    """

    def __init__(self) -> None:
        self.items: dict[str, str] = {}
        self._numbers: dict[int, str] = {}
        self._media_types: dict[str, str] = {}
        self._spoken_ms: dict[str, float] = {}
        self._readers: dict[str, Callable[[Content, float], RealtimeEvent]] = {
            "session.created": _created,
            "session.updated": lambda content, at: SessionUpdated(content["session"], received_at=at),
            "input_audio_buffer.speech_started": lambda content, at: SpeechStarted(
                content["item_id"], content["audio_start_ms"], received_at=at
            ),
            "input_audio_buffer.speech_stopped": lambda content, at: SpeechStopped(
                content["item_id"], content["audio_end_ms"], received_at=at
            ),
            "conversation.item.input_audio_transcription.delta": lambda content, at: HeardPiece(
                content["item_id"], content["delta"], received_at=at
            ),
            "conversation.item.input_audio_transcription.completed": lambda content, at: HeardAll(
                content["item_id"], content["transcript"], received_at=at
            ),
            "conversation.item.done": _item,
            "avatar.queue": lambda content, at: Queued(content["position"], content["wait_seconds"], received_at=at),
            "response.created": self._begun,
            "response.output_item.added": self._item_added,
            "response.output_audio_transcript.delta": _caption,
            "response.output_text.delta": _caption,
            "response.output_audio.delta": self._sound,
            "response.output_video.delta": self._video,
            "response.done": self._done,
            "error": _refusal,
        }

    def read(self, message: str | bytes, received_at: float) -> RealtimeEvent:
        """Raises EngineFailed for a message that is not of this protocol."""
        try:
            if isinstance(message, bytes):
                return self._binary(message, received_at)
            content = json.loads(message)
            kind = content["type"]
            reader = self._readers.get(kind)
            return reader(content, received_at) if reader else Other(kind, content, received_at=received_at)
        except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
            raise broken_off() from error

    def _binary(self, message: bytes, at: float) -> MediaPiece:
        magic, number, start_ms, duration_ms = MEDIA_HEADER.unpack_from(message)
        if magic != MEDIA_MAGIC:
            raise ValueError(f"A binary message begins with {magic!r}.")
        response_id = self._numbers.get(number, "")
        kind = self._media_types.get(response_id, "video/mp4")
        return MediaPiece(response_id, start_ms, duration_ms, kind, message[MEDIA_HEADER.size :], received_at=at)

    def _begun(self, content: Content, at: float) -> AnswerBegun:
        response = content["response"]
        avatar: Content = response.get("avatar") or {}
        number = avatar.get("number", 0)
        self._numbers[number] = response["id"]
        if avatar.get("media_type"):
            self._media_types[response["id"]] = avatar["media_type"]
        return AnswerBegun(response["id"], number, avatar.get("start_seconds", 0.0), received_at=at)

    def _item_added(self, content: Content, at: float) -> Other:
        self.items[content["response_id"]] = content["item"]["id"]
        while len(self.items) > _KEPT_ANSWERS:
            del self.items[next(iter(self.items))]
        return Other(content["type"], content, received_at=at)

    def _sound(self, content: Content, at: float) -> MediaPiece:
        data = base64.b64decode(content["delta"])
        start = self._spoken_ms.get(content["response_id"], 0.0)
        end = start + len(data) * 500 / SPEECH_RATE_HZ
        self._spoken_ms[content["response_id"]] = end
        kind = f"audio/pcm;rate={SPEECH_RATE_HZ}"
        return MediaPiece(content["response_id"], round(start), round(end) - round(start), kind, data, received_at=at)

    def _video(self, content: Content, at: float) -> MediaPiece:
        data = base64.b64decode(content["delta"])
        start, duration = content["start_ms"], content["duration_ms"]
        return MediaPiece(content["response_id"], start, duration, content["media_type"], data, received_at=at)

    def _done(self, content: Content, at: float) -> AnswerDone:
        response = content["response"]
        avatar: Content = response.get("avatar") or {}
        details: Content = response.get("status_details") or {}
        error: Content = details.get("error") or {}
        self._forget(response["id"])
        return AnswerDone(
            response_id=response["id"],
            status=response["status"],
            reason=error.get("code") or details.get("reason") or "",
            message=error.get("message") or "",
            media_seconds=avatar.get("media_seconds") or 0.0,
            filled_seconds=avatar.get("filled_seconds") or 0.0,
            timings=avatar.get("timings") or {},
            received_at=at,
        )

    def _forget(self, response_id: str) -> None:
        """What no message to come refers to: a session may last an hour."""
        self._spoken_ms.pop(response_id, None)
        for old in list(self._numbers)[:-_KEPT_ANSWERS]:
            self._media_types.pop(self._numbers.pop(old), None)


def _created(content: Content, at: float) -> SessionCreated:
    session = content["session"]
    avatar: Content = session.get("avatar") or {}
    token, resumed = avatar.get("resume_token") or "", bool(avatar.get("resumed"))
    return SessionCreated(session["id"], token, resumed, session, received_at=at)


def _item(content: Content, at: float) -> ItemDone:
    item = content["item"]
    parts = item.get("content") or []
    text = "".join(part.get("text") or part.get("transcript") or "" for part in parts)
    return ItemDone(item["id"], item.get("role") or "", text, received_at=at)


def _caption(content: Content, at: float) -> Caption:
    return Caption(content["response_id"], content["delta"], content.get("start_ms") or 0, received_at=at)


def _refusal(content: Content, at: float) -> Refusal:
    error = content["error"]
    code = error.get("code") or error["type"]
    cause, wait = error.get("event_id"), error.get("retry_after_seconds")
    return Refusal(code, error["message"], error.get("param"), cause, wait, received_at=at)
