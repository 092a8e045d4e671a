"""What is sent to the doors: the arguments of each request, apart from how it is sent."""

import json
import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import quote

Content = bytes | Path | str
"""A file's bytes, or where it lies."""


class Spoken(TypedDict, total=False):
    """How an answer sounds and looks: ISO 639-1 language, ids of voice and avatar, and the seed of all chance in it.
    `paced` holds the making a few seconds ahead of the watching; streams to a watching person are paced by default."""

    language: str | None
    voice: str | None
    avatar: str | None
    seed: int
    paced: bool


class Said(TypedDict):
    """A message of a conversation. `role` is user or assistant."""

    role: str
    content: str


def upload(field: str, content: Content, kind: str) -> dict[str, tuple[str, bytes, str]]:
    """The `files` of a form. Raises OSError where the file cannot be read."""
    if isinstance(content, bytes):
        return {field: (field, content, kind)}
    path = Path(content)
    return {field: (path.name, path.read_bytes(), mimetypes.guess_type(path.name)[0] or kind)}


def sound(audio: Content) -> dict[str, tuple[str, bytes, str]]:
    return upload("audio", audio, "audio/wav")


def transcription(audio: Content, language: str | None) -> dict[str, Any]:
    return {"files": sound(audio), "data": {"language": language} if language else {}}


def new_avatar(image: Content, consent: bool, name: str) -> dict[str, Any]:
    return {"files": upload("image", image, "image/jpeg"), "data": {"consent": _as_text(consent), "name": name}}


def new_voice(audio: Content, consent: bool, name: str) -> dict[str, Any]:
    return {"files": sound(audio), "data": {"consent": _as_text(consent), "name": name}}


def path(noun: str, id: str, *more: str) -> str:
    """The path of one avatar or voice, whatever its id holds."""
    return "/".join(["/v1", noun, quote(id, safe=""), *more])


def conversation(
    audio: Content | None, text: str | None, history: Sequence[Said], spoken: Spoken, **query: str
) -> dict[str, Any]:
    """A form for audio, JSON for text. Raises ValueError unless it is exactly one of them."""
    if (audio is None) == (text is None):
        raise ValueError("Give either audio or text.")
    fields = _given(dict(spoken))
    if audio is not None:
        form = {name: _as_text(value) for name, value in fields.items()}
        form |= {"history": json.dumps(list(history))} if history else {}
        return {"params": query, "files": sound(audio), "data": form}
    return {"params": query, "json": {"text": text, "history": list(history), **fields}}


def generation(text: str, spoken: Spoken, **query: str) -> dict[str, Any]:
    return {"params": query, "json": {"text": text, **_given(dict(spoken))}}


def chat(
    text: str | None, messages: Sequence[Said], language: str | None, max_tokens: int | None, stream: bool
) -> dict[str, Any]:
    said: dict[str, Any] = {"text": text} if text is not None else {"messages": list(messages)}
    return {"json": _given({**said, "language": language, "max_tokens": max_tokens, "stream": stream})}


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
