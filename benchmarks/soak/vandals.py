"""Somebody who sends what must not be taken, and looks whether it is refused as the documents say."""

import asyncio
import json
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from benchmarks.soak.bad_messages import BAD_MESSAGES, BadMessage
from benchmarks.soak.bad_uploads import AVATARS, BAD_UPLOADS, VANDAL_NAME, VANDAL_SEED, VIDEOS, VOICES, BadUpload
from benchmarks.soak.diary import Diary
from benchmarks.soak.excuses import busy_code, excused
from benchmarks.soak.raw_http import RawAnswer, RawRequest, exchange
from serve_app.client.realtime_asking import Ticket, socket_url
from serve_app.error_types import error_type

_LISTS = {AVATARS: "avatars", VOICES: "voices", VIDEOS: "data"}
"""Where an upload that was taken would be found: the list's path, and its field."""
STRANGER = Ticket("sess_of_nobody", "wrong")
_NO_SESSION = 4404
_OVERLOAD = "closed 1013"
_TRIES = 8
_HOUSE = error_type(500)

Trick = BadUpload | BadMessage | Ticket


class Vandal:
    """Plays every trick of the catalogues once, in an order of chance, before any is played again."""

    def __init__(
        self,
        url: str,
        diary: Diary,
        chance: random.Random,
        tricks: Sequence[Trick] = (*BAD_UPLOADS, *BAD_MESSAGES, STRANGER),
        patience_seconds: float = 90.0,
        pause_seconds: float = 3.0,
        busy_seconds: float = 2.0,
    ) -> None:
        """An answer may take `patience_seconds`. Between two tricks is a pause of up to `pause_seconds`, and one of
        about `busy_seconds` where all places are taken, before it is tried again."""
        self._url, self._diary, self._chance = url, diary, chance
        self._tricks, self._patience, self._pause = tricks, patience_seconds, pause_seconds
        self._busy = busy_seconds

    async def run(self, until_minutes: float) -> None:
        """Until then, wherever that finds it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(60 * (until_minutes - self._diary.minutes())):
                while True:
                    for trick in self._chance.sample(self._tricks, len(self._tricks)):
                        await self.play(trick)
                        await asyncio.sleep(self._chance.uniform(0, self._pause))

    async def play(self, trick: Trick) -> None:
        """One of them. Notes what it was met with, and what is wrong with that."""
        if isinstance(trick, BadUpload):
            await self._upload(trick)
        elif isinstance(trick, BadMessage):
            await self._send(trick)
        else:
            await self._resume(trick)

    async def _upload(self, upload: BadUpload) -> None:
        """Where all places are taken, which is looked at before anything is read, it is tried again."""
        for _ in range(_TRIES):
            try:
                answer = await exchange(self._url, upload.request(), self._patience)
            except OSError as error:
                self._lost(upload.name, f"no answer: {error!r}")
                return
            met = answer.status if answer else "hung up" if upload.hangs_up else "closed"
            self._diary.note_upload(upload.name, met)
            if answer is None or answer.status != 503 or not busy_code(answer.code):
                break
            await asyncio.sleep(self._chance.uniform(0, 2 * self._busy))
        if answer is None and not upload.hangs_up:
            self._lost(upload.name, "the line was closed without an answer", noted=True)
        elif answer is not None and (answer.status, answer.code) != (upload.status, upload.code):
            self._answered_otherwise(upload, answer)
        await self._look_for_it(upload)

    def _answered_otherwise(self, upload: BadUpload, answer: RawAnswer) -> None:
        if answer.status == 503 and busy_code(answer.code):
            return
        said = f"{upload.name}: answered {answer}, not {upload.status} {upload.code}: {answer.body[:200]!r}"
        if answer.status >= 500:
            excused(self._diary, said, f"{answer} for a bad upload")
        else:
            self._diary.note_wrong(said)

    async def _look_for_it(self, upload: BadUpload) -> None:
        """Nothing of what was refused may be there."""
        field = _LISTS.get(upload.path)
        if field is None:
            return
        try:
            answer = await exchange(self._url, RawRequest("GET", upload.path), self._patience)
            entries = json.loads(answer.body)[field] if answer is not None and answer.status == 200 else []
        except (OSError, ValueError) as error:
            excused(self._diary, f"{upload.path} cannot be listed: {error!r}", "list")
            return
        for entry in entries:
            if entry.get("name") == VANDAL_NAME or entry.get("seed") == VANDAL_SEED:
                self._diary.note_wrong(f"{upload.name}: is listed as {entry['id']}")

    async def _send(self, bad: BadMessage) -> None:
        try:
            async with (
                asyncio.timeout(self._patience),
                connect(socket_url(self._url, None), compression=None) as socket,
            ):
                await _next(socket, "session.created")
                met = await _met(socket, bad) or "nothing"
        except ConnectionClosed as error:
            met = _closed(error)
        except (OSError, WebSocketException) as error:
            self._lost(bad.name, f"no answer: {error!r}")
            return
        self._judge(bad.name, met, f"closed {bad.close}" if bad.close else bad.code)

    async def _resume(self, ticket: Ticket) -> None:
        name, met = "socket: the ticket of nobody", ""
        try:
            async with asyncio.timeout(self._patience), connect(socket_url(self._url, ticket)) as socket:
                met = str((await _next(socket, "error"))["error"]["code"])
                await _next(socket, "nothing more")
        except ConnectionClosed as error:
            met = f"{_closed(error)} {met}".strip()
        except (OSError, WebSocketException) as error:
            self._lost(name, f"no answer: {error!r}")
            return
        self._judge(name, met, f"closed {_NO_SESSION} not_found")

    def _judge(self, name: str, met: str, expected: str) -> None:
        self._diary.note_upload(name, met)
        if met == expected or met.startswith(_OVERLOAD):
            return
        if met.startswith(("closed", _HOUSE)):
            excused(self._diary, f"{name}: {met}, not {expected}", f"{met} for a bad message")
        else:
            self._diary.note_wrong(f"{name}: was met with {met}, not {expected}")

    def _lost(self, name: str, what: str, noted: bool = False) -> None:
        if not noted:
            self._diary.note_upload(name, "lost")
        excused(self._diary, f"{name}: {what}", "a bad upload's line was lost")


async def _met(socket: ClientConnection, bad: BadMessage) -> str:
    """The code of the error that the message gets, after its type where that is not the client's; "" where it gets none
    and the conversation goes on. Raises ConnectionClosed."""
    message = bad.message()
    await socket.send(message, text=True) if bad.as_text else await socket.send(message)
    await socket.send(json.dumps({"type": "input_audio_buffer.clear"}))
    met = ""
    while True:
        event = json.loads(await socket.recv())
        if event["type"] == "error":
            kind, code = event["error"]["type"], event["error"]["code"]
            met = str(code) if kind == error_type(400) and event["error"]["message"] else f"{kind} {code}"
        if event["type"] == "input_audio_buffer.cleared":
            return met


def _closed(error: ConnectionClosed) -> str:
    return f"closed {error.rcvd.code if error.rcvd else 1006}"


async def _next(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next event of a kind. Raises ConnectionClosed."""
    while True:
        event: dict[str, Any] = json.loads(await socket.recv())
        if event["type"] == kind:
            return event
