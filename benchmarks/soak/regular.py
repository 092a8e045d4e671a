"""Somebody who stays in one conversation by voice, whatever dies meanwhile, and looks at every answer."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack

from benchmarks.listener import Answer, Listener
from benchmarks.looking_back import kept_items
from benchmarks.soak.diary import AnswerRow, Diary
from benchmarks.soak.excuses import busy_code, excused
from benchmarks.soak.track import Timeline, Track, film_of, track_of
from benchmarks.spoken_turn import Person, answered, person, voiced_end
from deployments.contracts import Float32
from deployments.errors import AvatarError, NotFound
from serve_app.client import HeardAll, RealtimeConversation, SessionClosed, Ticket
from serve_app.realtime.answering import BUSY

_WHOLE = ("completed", "incomplete")
"""An answer's status where its media have been made to their end."""
_FORESEEN = (4408, 1012, 1013)
"""Close codes that say when and how to come again."""
_REMEMBERED = 100
"""Turns that are looked for in a resumed conversation."""


class Regular:
    """One session all the time, with video. `sounds` gives a question as somebody speaks it, float32 at 16 kHz: what
    the server's voice detector takes for speech."""

    def __init__(
        self,
        url: str,
        diary: Diary,
        chance: random.Random,
        sounds: Callable[[], Float32],
        name: str = "regular",
        patience_seconds: float = 180.0,
        pause_seconds: float = 2.0,
    ) -> None:
        """An answer, and the way back into the conversation, may take `patience_seconds`. Up to `pause_seconds` lie
        between an answer's end and the next question."""
        self._url, self._diary, self._chance, self._sounds = url, diary, chance, sounds
        self._name, self._patience, self._pause = name, patience_seconds, pause_seconds
        self._lost_at: float | None = None
        self._anew()

    def _anew(self) -> None:
        """A new conversation."""
        self._ticket: Ticket | None = None
        self._timeline = Timeline()
        self._said: deque[list[HeardAll]] = deque(maxlen=_REMEMBERED)

    async def run(self, until_minutes: float) -> None:
        while self._diary.minutes() < until_minutes:
            try:
                await self._stay(until_minutes)
            except (AvatarError, OSError, RuntimeError) as error:
                await self._met(error)

    async def _stay(self, until_minutes: float) -> None:
        """One connection. Where it ends otherwise than by our goodbye, the line is cut, so that the session stays."""
        async with AsyncExitStack() as stack:
            asking = person(self._url, "en", ticket=self._ticket, greet=self._greet)
            async with asyncio.timeout(self._patience):
                somebody = await stack.enter_async_context(asking)
            try:
                while self._diary.minutes() < until_minutes:
                    await self._turn(somebody)
                    await asyncio.sleep(self._chance.uniform(0, self._pause))
            except BaseException:
                somebody.talk.abort()
                raise

    async def _greet(self, talk: RealtimeConversation) -> None:
        self._lost_at = None
        if self._ticket is not None:
            try:
                await self._look_back(talk)
            except BaseException:
                talk.abort()
                raise
        self._ticket = talk.ticket

    async def _look_back(self, talk: RealtimeConversation) -> None:
        """It has to be the same conversation as before, with all that was said in it but perhaps the last: item by
        item, since the same few questions are asked again and again."""
        self._diary.note_fate(f"{self._name} resumed")
        self._timeline.resumed()
        if not talk.resumed:
            self._wrong("has got a new session instead of the old one")
        kept = {item.item_id: item.text for item in await kept_items(talk)}
        forgotten = [[heard.text for heard in turn if kept.get(heard.item_id) != heard.text] for turn in self._said]
        if missing := [text for texts in forgotten[:-1] for text in texts]:
            self._wrong(f"what was said is forgotten: {missing}")
        if forgotten and forgotten[-1]:
            self._said.pop()  # it was being saved when the line was lost: the next time it is not the last

    async def _turn(self, somebody: Person) -> None:
        """One question and its answer. Raises what ends the conversation."""
        listener, player = somebody.listener, somebody.talk.player
        listener.forget()
        stalls = len(player.stalls)
        samples = self._sounds()
        end_at = somebody.microphone.say(samples) + voiced_end(samples)
        seconds = self._patience + end_at - time.perf_counter()
        try:
            await listener.wait(lambda: _settled(listener, end_at), seconds, "an answer")
            async with asyncio.timeout(self._patience):
                await somebody.talk.played_out()
        except TimeoutError as error:
            what = str(error) or f"what came was not played in {self._patience:g} s"
            self._wrong(what)  # a stage that dies is tried once more, or there is an error: nobody is to wait for ever
        late = {stall.response_id: 0.0 for stall in player.stalls[stalls:]}
        for stall in player.stalls[stalls:]:
            late[stall.response_id] += stall.seconds
        for answer in listener.answers:
            await self._look_at(answer, end_at, late.get(answer.response_id, 0.0))
        if said := [heard for heard in listener.heard if heard.text]:
            self._said.append(said)
        if len(said) < len(listener.heard):
            self._diary.note_trouble(f"{self._name}: nothing was understood")
        for refusal in listener.refusals:
            self._diary.note_trouble(f"{self._name}: {refusal.code}")

    async def _look_at(self, answer: Answer, end_at: float, late_seconds: float) -> None:
        """Notes the answer, and what is wrong with it."""
        done = answer.done
        if done is None:
            return
        if answer.late_media:
            self._wrong(f"{len(answer.late_media)} pieces of media came after the end of an answer")
        track = await self._track(answer) if done.status in _WHOLE else None
        if done.status == "failed" and not busy_code(done.reason):
            what = f"an answer failed without a replica's death: {done.reason} {done.message}"
            excused(self._diary, f"{self._name}: {what}", f"answer failed: {done.reason}")
        self._diary.note_answer(
            AnswerRow(
                at_minutes=self._diary.minutes(),
                who=self._name,
                status=done.status,
                reason=done.reason,
                first_seconds=answer.media[0].received_at - end_at if answer.media else None,
                media_seconds=track.media_seconds if track else done.media_seconds,
                end_offset_ms=track.end_offset_ms if track else None,
                drift_ms=track.drift_ms if track else None,
                gaps=track.gaps if track else 0,
                late_seconds=late_seconds,
            )
        )

    async def _track(self, answer: Answer) -> Track | None:
        try:
            track = await asyncio.to_thread(track_of, film_of(answer))
        except AvatarError as error:
            self._wrong(f"the media of an answer cannot be read: {error}")
            return None
        for fault in (*track.faults, *self._timeline.follow(answer, track)):
            self._wrong(f"an answer of {track.media_seconds:.1f} s: {fault}")
        return track

    async def _met(self, error: Exception) -> None:
        """The line is lost, or could not be had. Comes back a little later."""
        now = time.perf_counter()
        if self._lost_at is None:
            self._lost_at = now
        elif now - self._lost_at > self._patience:
            self._wrong(f"could not come back for {now - self._lost_at:.0f} s: {error}")
            self._lost_at = now
        code = error.close_code if isinstance(error, SessionClosed) else getattr(error, "code", type(error).__name__)
        self._diary.note_trouble(f"{self._name}: {code}")
        if isinstance(error, NotFound) and self._ticket is not None:
            if len(self._said) > 1:
                self._wrong(f"the session could not be resumed: {error}")
            self._anew()
        elif isinstance(error, SessionClosed) and code not in _FORESEEN:
            excused(self._diary, f"{self._name}: {error}", f"line lost: {code}")
        elif isinstance(error, RuntimeError):
            self._wrong(f"the server has said goodbye: {error}")
            self._anew()
        await asyncio.sleep(self._chance.uniform(0.2, 1.0))

    def _wrong(self, what: str) -> None:
        self._diary.note_wrong(f"{self._name}: {what}")


def _settled(listener: Listener, end_at: float) -> bool:
    """Whether the question has come to an end: it was answered, or nothing was understood, or it will not be."""
    unheard = any(heard.received_at > end_at and not heard.text for heard in listener.heard)
    return answered(listener, end_at) or unheard or any(refusal.code == BUSY for refusal in listener.refusals)
