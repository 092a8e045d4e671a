"""Items that a client makes: checked, and in our own form."""

import base64
import binascii
from collections.abc import Sequence

import numpy as np
import soxr

from deployments.contracts import HEARING_RATE_HZ, Pcm
from deployments.errors import BadInput, TooLarge
from serve_app.realtime.client_events import Message, Reference
from serve_app.realtime.failures import InvalidEvent
from serve_app.realtime.ids import new_id
from serve_app.realtime.items import History, Item
from serve_app.realtime.settings import RealtimeSettings

_TEXT_KINDS = {"user": ("input_text",), "system": ("input_text",), "assistant": ("output_text", "text")}


def text_item(message: Message, settings: RealtimeSettings, param: str) -> Item:
    """A message of text parts. Raises InvalidEvent for other parts, TooLarge for too long a text."""
    kinds = _TEXT_KINDS[message.role]
    for place, part in enumerate(message.content):
        if part.type not in kinds or part.text is None or part.audio is not None:
            where = f"{param}.content.{place}"
            raise InvalidEvent(f"{where}: a message of the {message.role} has {kinds[0]} here.", "unsupported", where)
    text = "".join(part.text or "" for part in message.content)
    if not text.strip():
        raise InvalidEvent("The message is empty.", "invalid_field", f"{param}.content")
    check_length(text, settings, f"{param}.content")
    return Item(message.id or new_id("item"), message.role, kinds[0], text)


def check_length(text: str, settings: RealtimeSettings, param: str) -> None:
    """Raises TooLarge."""
    if len(text) > settings.max_text_characters:
        raise TooLarge(f"{param}: at most {settings.max_text_characters} characters.")


def spoken_item(message: Message, rate_hz: int, settings: RealtimeSettings) -> tuple[Item, Pcm] | None:
    """A message that the user spoke, and its sound at 16 kHz; None for one of text.

    Raises BadInput for sound that cannot be read, TooLarge for too much.
    """
    if message.role != "user" or [part.type for part in message.content] != ["input_audio"]:
        return None
    pcm16 = pcm16_of(message.content[0].audio or "", "item.content.0.audio")
    samples = np.frombuffer(pcm16, "<i2").astype(np.float32) / 32768
    if len(samples) > settings.max_item_audio_seconds * rate_hz:
        raise TooLarge(f"The sound of an item may last {settings.max_item_audio_seconds:g} s.")
    if not len(samples):
        raise BadInput("The item's sound is empty.")
    heard = soxr.resample(samples, rate_hz, HEARING_RATE_HZ).astype(np.float32)
    return Item(message.id or new_id("item"), "user", "input_audio", None), Pcm(heard, HEARING_RATE_HZ)


def pcm16_of(text: str, param: str) -> bytes:
    """Base64 of whole samples. Raises InvalidEvent."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEvent(f"{param}: is not base64.", "invalid_field", param) from error
    if len(data) % 2:
        raise InvalidEvent(f"{param}: PCM16 has an even number of bytes.", "invalid_field", param)
    return data


def input_items(given: Sequence[Message | Reference], history: History, settings: RealtimeSettings) -> list[Item]:
    """What a response goes by instead of the conversation. Raises NotFound for a reference to nothing."""
    items: list[Item] = []
    for place, entry in enumerate(given):
        if isinstance(entry, Reference):
            items.append(history.find(entry.id))
        else:
            items.append(text_item(entry, settings, f"response.input.{place}"))
    return items
