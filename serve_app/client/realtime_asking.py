"""What is sent over the realtime socket: its address, and the session that is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import urlencode, urlsplit, urlunsplit

DEFAULT_RATE_HZ = 24_000
"""Of the person's sound, where no other is asked for."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client needs to come back to its conversation. Secret: who has it is in."""

    session_id: str
    resume_token: str


class Talking(TypedDict, total=False):
    """How the conversation is held; what is left out is as the server has it.

    `video`: answers are fragmented MP4 with the face, not sound alone. `text_only`: answers are text. `language` is
    that of the speech, None to find out. `rate_hz` of the sound that is sent: 16000, 24000 or 48000.
    `turn_detection` None is push-to-talk: `commit` ends what was said; else the fields of OpenAI's server_vad that
    are to differ, such as {"silence_duration_ms": 700}.
    """

    avatar: str
    voice: str
    language: str | None
    video: bool
    text_only: bool
    instructions: str
    speed: float
    max_output_tokens: int
    rate_hz: int
    turn_detection: Mapping[str, Any] | None


def session_of(talking: Talking) -> dict[str, Any]:
    """The fields of session.update."""
    sound_in: dict[str, Any] = {}
    if "rate_hz" in talking:
        sound_in["format"] = {"type": "audio/pcm", "rate": talking["rate_hz"]}
    if "turn_detection" in talking:
        detection = talking["turn_detection"]
        sound_in["turn_detection"] = None if detection is None else {"type": "server_vad", **detection}
    sound_out = {name: talking[name] for name in ("voice", "speed") if name in talking}
    face: dict[str, Any] = {"language": talking["language"]} if "language" in talking else {}
    if "avatar" in talking:
        face["id"] = talking["avatar"]
    if "video" in talking:
        face |= {"video": talking["video"], "binary": talking["video"]}
    session: dict[str, Any] = {"type": "realtime"}
    if audio := {name: value for name, value in (("input", sound_in), ("output", sound_out)) if value}:
        session["audio"] = audio
    if face:
        session["avatar"] = face
    if "text_only" in talking:
        session["output_modalities"] = ["text" if talking["text_only"] else "audio"]
    same = ("instructions", "max_output_tokens")
    return session | {name: talking[name] for name in same if name in talking}  # type: ignore[literal-required]


def socket_url(base_url: str, ticket: Ticket | None) -> str:
    """ws:// or wss:// as the server is http or https, with the ticket of a conversation to be gone on with."""
    parts = urlsplit(base_url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    query = urlencode({"session_id": ticket.session_id, "resume_token": ticket.resume_token}) if ticket else ""
    return urlunsplit((scheme, parts.netloc, f"{parts.path.rstrip('/')}/v1/realtime", query, ""))


def said_item(text: str) -> dict[str, Any]:
    """The message of a person who types."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": content}}
