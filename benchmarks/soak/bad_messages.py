"""What the realtime socket must refuse, and how: a catalogue. See docs/realtime.md."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.soak.broken_media import silence

_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class BadMessage:
    """`code` is that of the error event that has to follow, after which the conversation goes on; or `close` that of
    the close frame. `as_text`: the bytes go into a text message, as which they are no UTF-8."""

    name: str
    message: Callable[[], str | bytes]
    code: str = ""
    close: int = 0
    as_text: bool = False


def _event(kind: str, **fields: Any) -> Callable[[], str]:
    return lambda: json.dumps({"type": kind, **fields})


def _same(message: str | bytes) -> Callable[[], str | bytes]:
    return lambda: message


def _session(**fields: Any) -> Callable[[], str]:
    return _event("session.update", session={"type": "realtime", **fields})


def _said(content: dict[str, Any]) -> Callable[[], str]:
    return _event("conversation.item.create", item={"type": "message", "role": "user", "content": [content]})


def _minutes_of_sound() -> str:
    """61 seconds of silence, which is more than an item may have and still fits a message."""
    sound = silence(61 * 24_000 / 16_000)[44:]
    return _said({"type": "input_audio", "audio": base64.b64encode(sound).decode()})()


_append = partial(_event, "input_audio_buffer.append")

BAD_MESSAGES = (
    BadMessage("socket: no JSON", _same("Hello there."), "invalid_json"),
    BadMessage("socket: half of it", _same('{"type": "response.create"'), "invalid_json"),
    BadMessage("socket: no object", _same("[]"), "invalid_json"),
    BadMessage("socket: NaN", _same('{"type": "response.create", "response": {"x": NaN}}'), "invalid_json"),
    BadMessage("socket: nested a hundred thousand deep", lambda: "[" * 100_000, "invalid_json"),
    BadMessage("socket: an event without a type", _same("{}"), "unsupported"),
    BadMessage("socket: an unknown event", _event("dance"), "unsupported"),
    BadMessage("socket: an unknown field", _event("response.cancel", politely=True), "unsupported"),
    BadMessage("socket: binary, half a sample", _same(b"\x9c" * 4001), "bad_input"),
    BadMessage("socket: base64 that is none", _append(audio="*" * 400), "invalid_field"),
    BadMessage("socket: base64 of half a sample", _append(audio="AA=="), "invalid_field"),
    BadMessage("socket: sound that is a number", _append(audio=7), "invalid_field"),
    BadMessage("socket: a turn of nothing", _event("input_audio_buffer.commit"), "bad_input"),
    BadMessage("socket: an empty text", _said({"type": "input_text", "text": " "}), "invalid_field"),
    BadMessage("socket: 4001 characters", _said({"type": "input_text", "text": "a" * 4001}), "too_large"),
    BadMessage("socket: half a character", _said({"type": "input_text", "text": "\ud800"}), "invalid_field"),
    BadMessage("socket: a picture", _said({"type": "input_image", "image_url": "file:///etc/passwd"}), "unsupported"),
    BadMessage("socket: 61 seconds", _minutes_of_sound, "too_large"),
    BadMessage("socket: an item that is not there", _event("conversation.item.delete", item_id="item_no"), "not_found"),
    BadMessage("socket: nothing to cancel", _event("response.cancel"), "response_cancel_not_active"),
    BadMessage(
        "socket: played before it began", _event("avatar.playback", response_id="x", played_ms=-1), "invalid_field"
    ),
    BadMessage("socket: nobody's face", _session(avatar={"id": "nobody"}), "not_found"),
    BadMessage("socket: nine times as fast", _session(audio={"output": {"speed": 9}}), "invalid_field"),
    BadMessage("socket: tools", _session(tools=[{"type": "function", "name": "x"}]), "unsupported"),
    BadMessage("socket: instructions like a book", lambda: _session(instructions="a" * 5000)(), "too_large"),
    BadMessage("socket: a message of 5 MiB", lambda: "a" * (5 * _MEBIBYTE), close=1009),
    BadMessage("socket: a binary message of 17 MiB", lambda: bytes(17 * _MEBIBYTE), close=1009),
    BadMessage("socket: text that is no UTF-8", _same(b'{"type": "\xff\xfe"}'), close=1007, as_text=True),
)
