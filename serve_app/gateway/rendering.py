"""A turn's events as bytes: one whole MP4, a fragmented MP4 that streams, or server-sent events."""

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from deployments.contracts import FRAMES_PER_SECOND, EncodedFrame, Pcm
from serve_app.events import Ended, Event, Heard, Media, ReplyText, Speaking
from serve_app.gateway.errors_table import answer_to
from serve_app.gateway.negotiation import EventMedia
from serve_app.media.fragments import FragmentWriter
from serve_app.media.whole import whole_mp4
from serve_app.turn_report import TurnReport


def server_timing(timings: Mapping[str, float]) -> str:
    """The Server-Timing header (W3C): milliseconds by stage, in the names of `serve_app.timings`."""
    return ", ".join(f"{name};dur={1000 * seconds:.0f}" for name, seconds in timings.items())


def sse(name: str, content: Mapping[str, object]) -> bytes:
    """One server-sent event. JSON has no raw line breaks, so that one data line holds it all."""
    return f"event: {name}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


class Rendering:
    """One turn on its way out. One of the three forms may be taken, once; closing it closes the turn.

    `points` are the points in time known so far, in seconds since the turn began.
    """

    def __init__(self, events: AsyncIterator[Event], frame_size: tuple[int, int], turn_id: str) -> None:
        self.points: dict[str, float] = {}
        self.report: TurnReport | None = None
        self._events = events
        self._writer = FragmentWriter(frame_size)
        self._frame_size = frame_size
        self._turn_id = turn_id
        self._transcript = ""
        self._frames: list[EncodedFrame] = []
        self._speech: list[Pcm] = []

    async def mp4(self) -> bytes:
        """The whole file, and `report` with it."""
        async with aclosing(self._watched()) as events:
            async for event in events:
                self._keep(event)
        return await self._whole()

    async def fmp4(self) -> AsyncGenerator[bytes, None]:
        """The initialisation segment with the first fragment, then a fragment a step, then the report's box."""
        async with aclosing(self._watched()) as events:
            async for event in events:
                if isinstance(event, Media):
                    head = self._writer.init_segment(event.frames[0]) if self._is_first(event) else b""
                    if chunk := head + self._writer.fragment(event.frames, event.pcm):
                        yield chunk
                elif isinstance(event, Ended):
                    yield self._last_fragment() + self._reported().as_box()

    async def events(self, media: EventMedia) -> AsyncGenerator[bytes, None]:
        """Server-sent events: transcript, reply, speaking and media as they come, then `done` with the report.

        An error after the first event is told in an event `error`; before it, it is raised.
        """
        begun = False
        try:
            async with aclosing(self._watched()) as events:
                async for event in events:
                    for message in await self._messages(event, media):
                        begun = True
                        yield message
        except Exception as error:
            if not begun:
                raise
            yield sse("error", answer_to(error, self._turn_id).body())

    async def _messages(self, event: Event, media: EventMedia) -> list[bytes]:
        if isinstance(event, Heard):
            if not event.transcript.text.strip():
                return []  # the error that follows shall find the answer not begun, and get its own status
            heard = {"text": event.transcript.text, "language": event.transcript.language}
            return [sse("transcript", heard | {"at_seconds": round(event.at_seconds, 3)})]
        if isinstance(event, ReplyText):
            return [sse("reply", {"text": event.text, "at_seconds": round(event.at_seconds, 3)})]
        if isinstance(event, Speaking):
            content = {"text": event.text, "start_seconds": round(event.start_seconds, 3)}
            return [sse("speaking", content | {"at_seconds": round(event.at_seconds, 3)})]
        if isinstance(event, Media):
            if media is EventMedia.MP4:
                self._keep(event)
            return self._fragments(event) if media is EventMedia.FMP4 else [_progress(event)]
        last: list[bytes] = []
        if media is EventMedia.FMP4 and (fragment := self._last_fragment()):
            last = [_media("fragment", fragment)]
        elif media is EventMedia.MP4:
            last = [_media("mp4", await self._whole())]
        return [*last, sse("done", self._reported().as_json())]

    def _fragments(self, event: Media) -> list[bytes]:
        messages = []
        if self._is_first(event):
            messages.append(_media("init", self._writer.init_segment(event.frames[0]), self._writer.media_type))
        if fragment := self._writer.fragment(event.frames, event.pcm):
            messages.append(_media("fragment", fragment))
        return messages

    async def _watched(self) -> AsyncGenerator[Event, None]:
        """The events, noted as they pass."""
        async with aclosing(self._events) as events:  # type: ignore[type-var]
            async for event in events:
                self._note(event)
                yield event

    def _note(self, event: Event) -> None:
        if isinstance(event, Heard):
            self._transcript = event.transcript.text
            self.points.setdefault("transcript", event.at_seconds)
        elif isinstance(event, ReplyText):
            self.points.setdefault("first_token", event.at_seconds)
        elif isinstance(event, Speaking):
            self.points.setdefault("first_speech", event.at_seconds)
        elif isinstance(event, Media):
            self.points.setdefault("first_media", event.at_seconds)
        else:
            self.report = TurnReport(
                turn_id=self._turn_id,
                transcript=self._transcript,
                reply=event.reply,
                language=event.language,
                media_seconds=round(event.media_seconds, 3),
                filled_seconds=round(event.filled_seconds, 3),
                timings=event.timings,
            )

    def _keep(self, event: Event) -> None:
        if isinstance(event, Media):
            self._frames += event.frames
            self._speech.append(event.pcm)

    async def _whole(self) -> bytes:
        # encoding half a minute of sound takes a tenth of a second: not on the loop that serves the others
        film = await asyncio.to_thread(whole_mp4, self._frames, self._speech, self._frame_size)
        return film + self._reported().as_box()

    def _is_first(self, event: Media) -> bool:
        return self._writer.frames == 0 and bool(event.frames)

    def _last_fragment(self) -> bytes:
        return self._writer.finish() if self._writer.frames else b""

    def _reported(self) -> TurnReport:
        if self.report is None:
            raise RuntimeError("The conversation ended without its last event.")
        return self.report


def _media(kind: str, data: bytes, media_type: str = "video/mp4") -> bytes:
    return sse("media", {"kind": kind, "media_type": media_type, "data": base64.b64encode(data).decode()})


def _progress(event: Media) -> bytes:
    return sse("progress", {"seconds": len(event.frames) / FRAMES_PER_SECOND, "at_seconds": round(event.at_seconds, 3)})
