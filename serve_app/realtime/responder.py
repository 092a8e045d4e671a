"""Makes one response: takes a place, lets the stages answer, and has the client told of it.

A response may begin on speculation, before it is certain that the person has finished: it is then made but held back
until `release`, and nobody learns of one that is withdrawn.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from deployments.contracts import Message, ReplyEnd, ReplyRequest
from deployments.errors import AvatarError, BadInput, Cancelled
from deployments.llm.language import language_of
from serve_app.conversation import converse
from serve_app.coordinator.contracts import Standing
from serve_app.coordinator.places import Place
from serve_app.events import Ended, Event, Media, ReplyText, Speaking, TurnRequest
from serve_app.playback import Playback
from serve_app.realtime.failures import error_body
from serve_app.realtime.host import Talk
from serve_app.realtime.media import Film, Sound
from serve_app.realtime.moments import Moments
from serve_app.realtime.plan import Plan
from serve_app.realtime.telling import Telling
from serve_app.timings import Stopwatch

logger = logging.getLogger("ray.serve")

MOST_EVENTS = 256
"""Events of a turn that may wait for the client; pacing keeps it to a few seconds of media before that."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be answered. `language` is that of the words, None where it is not known."""

    words: str
    history: tuple[Message, ...]
    language: str | None = None


class Responder:
    """One response. `run` is its task's work; `asked` says what is to be answered once that is known."""

    def __init__(
        self,
        talk: Talk,
        plan: Plan,
        asked: Callable[[], Awaitable[Asked]],
        moments: Moments,
        held: bool,
        previous: "Responder | None" = None,
    ) -> None:
        """The place of `previous`, which is over, is waited for."""
        self.plan = plan
        self.telling = Telling(talk, plan)
        self.playback = Playback(held=held)
        self.silenced = False
        """Whether the client was told to play no more of it."""
        self._talk = talk
        self._asked = asked
        self._moments = moments
        self._released = asyncio.Event()
        if not held:
            self._released.set()
        self._place: Place | None = None
        self._packing: Film | Sound = Sound()
        self._said_seconds = 0.0
        self.ended: asyncio.Event = asyncio.Event()
        self._previous: asyncio.Event | None = previous.ended if previous else None
        self._task = talk.spawn(self.run())
        self._task.add_done_callback(self._over)

    @property
    def released(self) -> bool:
        return self._released.is_set()

    @property
    def active(self) -> bool:
        return not self.telling.is_over

    @property
    def outstanding(self) -> bool:
        """Whether the client still has something of it to play."""
        return not self.silenced and self.released and self.playback.buffered_seconds > 0

    @property
    def playing_seconds(self) -> float | None:
        """Where in its media the client is now; None where it plays nothing of it."""
        begun = self.active and self.released and self.playback.started
        return self.playback.played_seconds if self.outstanding or begun else None

    def _over(self, task: "asyncio.Task[None]") -> None:
        """The response may be remembered for long, and is then part of a cycle: its encoder, which holds threads and
        megabytes, is not to wait for the garbage collector. Where a lost line has ended it, nobody else keeps time."""
        self._keep_time()
        self._packing = Sound()
        self.ended.set()

    def release(self) -> None:
        """The person has finished: what was made so far goes out."""
        self._released.set()
        self.playback.release()
        if self._place is not None:
            self._place.unused = False

    def stop(self, reason: str) -> None:
        """Ends it now. One that is held back is withdrawn without a word."""
        if self.telling.is_over:
            return
        self.silenced = True
        self._talk.outbox.discard(self.telling.number)
        if self.released:
            self._cut()
            self.telling.over("cancelled", reason, report=self._report({}, 0.0))
            self._keep_time()
            self._talk.host.meter.turn_failed(Cancelled.code)
            self._talk.changed()
        else:
            self.telling.is_over = True
        self._task.cancel()

    async def run(self) -> None:
        try:
            if self._previous is not None:
                await self._previous.wait()
            async with AsyncExitStack() as stack:
                await self._take_place(stack)
                await self._answer()
        except Exception as error:
            await self._released.wait()  # nobody is to learn of one that is withdrawn
            self._failed(error)

    async def _take_place(self, stack: AsyncExitStack) -> None:
        places, asker = self._talk.host.places, self._talk.asker
        if not self.released:
            try:
                self._place = await stack.enter_async_context(places.place(asker))
                self._place.unused = not self.released
                return
            except AvatarError:
                await self._released.wait()
        self._place = await stack.enter_async_context(places.place(asker, self._queued))

    async def _queued(self, standing: Standing) -> None:
        seconds = round(standing.wait_seconds, 1)
        self._talk.outbox.put("avatar.queue", position=standing.position, wait_seconds=seconds)

    async def _answer(self) -> None:
        asked = await self._asked()
        if not asked.words.strip():
            raise BadInput("No speech was heard, and nothing was written. There is nothing to answer.")
        await self._require_looks()
        self._moments.mark("answering")
        events: asyncio.Queue[Event | Exception | None] = asyncio.Queue(MOST_EVENTS)
        pump = asyncio.create_task(self._pump(asked, events))
        try:
            await self._released.wait()
            await self._begin()
            while (event := await events.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                await self._tell(event)
        finally:
            pump.cancel()
            await asyncio.wait((pump,))

    async def _require_looks(self) -> None:
        """Raises NotFound for a face or voice that was deleted, or whose time is over, since the session chose it."""
        if self.plan.spoken:
            await self._talk.choose(self.plan.avatar.id if self.plan.picture else None, self.plan.voice_id, None)

    async def _pump(self, asked: Asked, events: "asyncio.Queue[Event | Exception | None]") -> None:
        """Makes the turn go on while its events are held back, as far as pacing allows."""
        try:
            async with aclosing(self._events(asked)) as turn:
                async for event in turn:
                    await events.put(event)
            await events.put(None)
        except Exception as error:
            await events.put(error)

    def _events(self, asked: Asked) -> AsyncGenerator[Event, None]:
        talk, plan = self._talk, self.plan
        if not plan.spoken:
            return self._written(asked)
        turn = TurnRequest(
            turn_id=self.telling.id,
            text=asked.words,
            history=asked.history,
            language=talk.language or asked.language,
            voice_id=plan.voice_id,
            avatar_id=plan.avatar.id,
            paced=True,
            instructions=plan.instructions,
            max_tokens=plan.max_tokens,
            picture=plan.picture,
            speed=plan.speed,
        )
        return converse(turn, talk.host.stages, talk.host.conversation, self.playback)

    async def _written(self, asked: Asked) -> AsyncGenerator[Event, None]:
        """A response without sound: the language model's words, as they come."""
        talk, watch, text = self._talk, Stopwatch(), ""
        language = talk.language or asked.language or language_of(asked.words, talk.host.conversation.languages)
        messages = (*asked.history, Message("user", asked.words))
        end: ReplyEnd | None = None
        request = ReplyRequest(
            messages, language, max_tokens=self.plan.max_tokens, instructions=self.plan.instructions, report=True
        )
        async with aclosing(talk.host.stages.reply(request)) as pieces:
            with watch.spent("llm"):
                async for piece in pieces:
                    watch.mark("first_token")
                    if isinstance(piece, ReplyEnd):
                        end = piece
                    elif piece:
                        text += piece
                        yield ReplyText(piece, watch.now())
        yield Ended(text, language, 0.0, 0.0, watch.values(), watch.now(), end)

    async def _begin(self) -> None:
        if self.plan.picture:
            described = await self._talk.host.stages.describe_video()
            self._packing = Film(described.frame_size, self._talk.next_frame)
            self._talk.filming_since = time.time()
        self.telling.created()

    async def _tell(self, event: Event) -> None:
        if isinstance(event, Speaking):
            self.telling.clause(event.text, event.start_seconds)
        elif isinstance(event, ReplyText) and not self.plan.spoken:
            self.telling.words(event.text)
        elif isinstance(event, Media):
            await self._tell_media(event)
        elif isinstance(event, Ended):
            await self._completed(event)

    async def _tell_media(self, media: Media) -> None:
        self._talk.ear.avatar_said(media.pcm, self._said_seconds)
        self._said_seconds += media.pcm.seconds
        data = self._packing.pack(media)
        if isinstance(self._packing, Film):
            self._talk.host.media_type = self._packing.media_type
        if self._moments.first_media is None:
            self._moments.mark("first_media")
            since = self._moments.end_of_speech or self._moments.begun
            self._talk.host.meter.first_media((self._moments.first_media or since) - since)
        await self.telling.media(data, media.seconds, self._talk.host.media_type)

    async def _completed(self, ended: Ended) -> None:
        if rest := self._packing.finish():
            await self.telling.media(rest, 0.0, self._talk.host.media_type)
        self.telling.wording.complete = True
        report = self._report(ended.timings, ended.filled_seconds)
        cut = ended.reply_end is not None and ended.reply_end.cut
        if cut:
            self.telling.over("incomplete", "max_output_tokens", end=ended.reply_end, report=report)
        else:
            self.telling.over("completed", end=ended.reply_end, report=report)
        self._keep_time()
        self._talk.host.meter.turn_ended(ended)
        logger.info("session %s: response %s: %s", self._talk.id, self.telling.id, report)
        self._talk.changed()

    def _failed(self, error: Exception) -> None:
        if self.telling.is_over:
            return
        body = error_body(error, self._talk.id)
        self._talk.outbox.put("error", error=body)
        self.telling.over("failed", error=body, report=self._report({}, 0.0))
        self._keep_time()
        self._talk.host.meter.turn_failed(str(body["code"]))
        self._talk.changed()

    def _cut(self) -> None:
        if self.telling.item.wording is not None:
            with contextlib.suppress(AvatarError):
                self.telling.item.cut(min(self.playback.played_seconds, self.telling.wording.seconds))

    def _keep_time(self) -> None:
        """The next response goes on where this one's media end."""
        if isinstance(self._packing, Film):
            self._talk.next_frame = max(self._talk.next_frame, self._packing.next_frame)
            self._talk.filming_since = None

    def _report(self, timings: dict[str, float], filled_seconds: float) -> dict[str, object]:
        return {
            "timings": self._moments.report(timings),
            "media_seconds": round(self.telling.wording.seconds, 3),
            "filled_seconds": round(filled_seconds, 3),
        }
