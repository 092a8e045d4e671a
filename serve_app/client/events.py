"""Server-sent events of a turn, as values."""

import base64
import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from serve_app.client.answers import value_of
from serve_app.client.failures import broken_off, failure_of
from serve_app.turn_report import TurnReport


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The words that were heard. `at_seconds`, here and below: since the turn began, by the server's clock."""

    text: str
    language: str
    at_seconds: float


@dataclass(frozen=True, slots=True)
class ReplyPiece:
    """The next piece of the reply's text."""

    text: str
    at_seconds: float


@dataclass(frozen=True, slots=True)
class ClauseBegun:
    """A clause whose sound begins at `start_seconds` of the video."""

    text: str
    start_seconds: float
    at_seconds: float


@dataclass(frozen=True, slots=True)
class VideoPiece:
    """`kind` init and fragment: joined in order they are a fragmented MP4. `kind` mp4: a whole file."""

    data: bytes
    kind: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Progress:
    """So much more of the video is made, where its bytes come later or not at all."""

    seconds: float
    at_seconds: float


@dataclass(frozen=True, slots=True)
class Done:
    """The turn is complete."""

    report: TurnReport


TurnEvent = Transcribed | ReplyPiece | ClauseBegun | VideoPiece | Progress | Done


class MessageReader:
    """Server-sent events, line by line. `ended` says that `done` has come."""

    def __init__(self) -> None:
        self.ended = False
        self._name = ""

    def read(self, line: str) -> tuple[str, dict[str, Any]] | None:
        """The (name, content) that this line completes. Raises the typed error that an `error` event tells of."""
        if line.startswith("event: "):
            self._name = line.removeprefix("event: ")
        if not line.startswith("data: "):
            return None
        data = line.removeprefix("data: ")
        if self._name == "error":
            raise failure_of(0, data, {})
        self.ended = self._name == "done"
        return self._name, json.loads(data)


def messages_in(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, content) of each server-sent event. Raises the typed error that an `error` event tells of, and
    EngineFailed where the stream ends without `done`."""
    reader = MessageReader()
    for line in lines:
        if (message := reader.read(line)) is not None:
            yield message
    if not reader.ended:
        raise broken_off()


async def async_messages_in(lines: AsyncIterable[str]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """`messages_in` for lines that are awaited."""
    reader = MessageReader()
    async for line in lines:
        if (message := reader.read(line)) is not None:
            yield message
    if not reader.ended:
        raise broken_off()


def turn_events(lines: Iterable[str]) -> Iterator[TurnEvent]:
    """The events of a turn; those that a newer server adds are left out. Raises as `messages_in`."""
    for name, content in messages_in(lines):
        if (event := event_of(name, content)) is not None:
            yield event


def event_of(name: str, content: dict[str, Any]) -> TurnEvent | None:
    """A message as a value; None for one that is not known here."""
    if name == "transcript":
        return Transcribed(content["text"], content["language"], content["at_seconds"])
    if name == "reply":
        return ReplyPiece(content["text"], content["at_seconds"])
    if name == "speaking":
        return ClauseBegun(content["text"], content["start_seconds"], content["at_seconds"])
    if name == "media":
        return VideoPiece(base64.b64decode(content["data"]), content["kind"], content["media_type"])
    if name == "progress":
        return Progress(content["seconds"], content["at_seconds"])
    return Done(value_of(TurnReport, content)) if name == "done" else None
