"""A turn: audio or text in, events out. The only place where the stages meet.

Four tasks overlap: hear, think (reply text into clauses), speak (clauses into sound), show (sound into picture).
Each hands on through something bounded, and asks for more only while the listener has little in hand.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from pydantic import BaseModel, ConfigDict, Field

from deployments.contracts import (
    SAMPLES_PER_FRAME,
    EncodedFrame,
    Message,
    ReplyEnd,
    ReplyRequest,
    SpeechRequest,
    Step,
)
from deployments.errors import AvatarError, BadInput, EngineFailed, TooLarge, Unsupported
from deployments.llm.language import language_of
from serve_app.events import Ended, Event, Heard, Media, ReplyText, Speaking, TurnRequest
from serve_app.phrasing import Phraser, PhrasingSettings
from serve_app.playback import Playback
from serve_app.stages import Stages
from serve_app.timings import Stopwatch
from serve_app.track import Track

GROUP_FRAMES = 5
"""The picture is made in groups of this many frames; less sound than that makes no picture."""


class ConversationSettings(BaseModel):
    """How a turn is put together and paced."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    languages: tuple[str, ...] = Field(("en", "es", "zh"), description="ISO 639-1 languages spoken; first is default")
    avatar: str = Field("grace_hopper", description="avatar of those who name none")
    phrasing: PhrasingSettings = PhrasingSettings()
    step_frames: int = Field(10, ge=5, le=50, multiple_of=5, description="frames asked for in one step")
    max_ahead_seconds: float = Field(4.0, gt=0, description="media sent beyond what was played, at most")
    starvation_seconds: float = Field(0.3, ge=0, description="below this much in hand, silence is filled in")
    closing_seconds: float = Field(0.3, ge=0, le=3, description="silence at the end, in which the face comes to rest")
    max_text_characters: int = Field(4000, gt=0, description="longest text to speak or to answer")


def converse(
    request: TurnRequest, stages: Stages, settings: ConversationSettings, playback: Playback | None = None
) -> AsyncGenerator[Event, None]:
    """One turn as a stream of events, ending with Ended. Closing the iterator stops all stages within one unit.

    `playback` is where a client's position reports arrive. Raises AvatarError: BadInput where nothing was said,
    Unsupported for a language that is not spoken here, and whatever a stage raises after its one retry.
    """
    return _Turn(request, stages, settings, playback or Playback()).events()


class _Turn:
    def __init__(
        self, request: TurnRequest, stages: Stages, settings: ConversationSettings, playback: Playback
    ) -> None:
        self.request = request
        self.stages = stages
        self.settings = settings
        self.playback = playback
        self.watch = Stopwatch()
        self.track = Track()
        self.language = request.language or settings.languages[0]
        self.reply = ""
        self.reply_end: ReplyEnd | None = None
        self.filled_seconds = 0.0
        self._out: asyncio.Queue[Event | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(8)  # bounds what is in _out; the end mark needs no room
        self._clauses: asyncio.Queue[str | None] = asyncio.Queue(maxsize=4)
        self._announced: deque[Speaking] = deque()
        self._more_sound = asyncio.Event()

    async def events(self) -> AsyncGenerator[Event, None]:
        self._check()
        runner = asyncio.create_task(self._run())
        try:
            while (event := await self._out.get()) is not None:
                self._room.release()
                if isinstance(event, Media):
                    self.playback.sent(event.seconds)
                yield event
            await runner
        finally:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)

    def _check(self) -> None:
        if self.language not in self.settings.languages:
            spoken = ", ".join(self.settings.languages)
            raise Unsupported(f"The language {self.language!r} is not spoken here. Choose one of: {spoken}.")
        if self.request.utterance is None:
            text = self.request.script or self.request.text or ""
            if not text.strip():
                raise BadInput("There is nothing to answer or to speak: the text is empty.")
            if len(text) > self.settings.max_text_characters:
                raise TooLarge(f"The text is over {self.settings.max_text_characters} characters. Send it in parts.")

    async def _emit(self, event: Event) -> None:
        await self._room.acquire()
        self._out.put_nowait(event)

    async def _run(self) -> None:
        try:
            words = await self._hear()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._think(words))
                tasks.create_task(self._speak())
                tasks.create_task(self._show() if self.request.picture else self._sound())
            media, filled = self.track.seconds_out, self.filled_seconds
            values, now = self.watch.values(), self.watch.now()
            await self._emit(Ended(self.reply, self.language, media, filled, values, now, self.reply_end))
        except BaseExceptionGroup as group:
            raise _first_error(group) from group
        finally:
            self._out.put_nowait(None)

    async def _hear(self) -> str:
        """The words to be answered; for a script, the words to be spoken."""
        if self.request.utterance is None:
            words = self.request.script or self.request.text or ""
            self.language = self.request.language or language_of(words, self.settings.languages)
            return words
        with self.watch.spent("asr"):
            transcript = await self.stages.transcribe(self.request.utterance)
        self.watch.mark("transcript")
        await self._emit(Heard(transcript, self.watch.now()))
        if not transcript.text.strip():
            raise BadInput("No speech was heard in the audio. Speak closer to the microphone, or send text.")
        self.language = self.request.language or transcript.language
        return transcript.text

    async def _think(self, words: str) -> None:
        phraser = Phraser(self.language, self.settings.phrasing)
        async with aclosing(self._pieces(words)) as pieces:
            with self.watch.spent("llm"):
                async for piece in pieces:
                    if isinstance(piece, ReplyEnd):
                        self.reply_end = piece
                        continue
                    self.reply += piece
                    await self._emit(ReplyText(piece, self.watch.now()))
                    await self._hand_on(phraser.feed(piece))
        await self._hand_on(phraser.end())
        await self._clauses.put(None)

    async def _pieces(self, words: str) -> AsyncGenerator[str, None]:
        if self.request.script is not None:
            yield words
            return
        messages = (*self.request.history, Message("user", words))
        asked = self.request
        request = ReplyRequest(
            messages, self.language, max_tokens=asked.max_tokens, instructions=asked.instructions, report=True
        )
        async with aclosing(self.stages.reply(request)) as reply:
            async for piece in reply:
                self.watch.mark("first_token")
                yield piece

    async def _hand_on(self, clauses: list[str]) -> None:
        for clause in clauses:
            self.watch.mark("first_clause")
            await self._clauses.put(clause)

    async def _speak(self) -> None:
        while (clause := await self._clauses.get()) is not None:
            await self._until_below_limit(self._sent_or_spoken)
            asked = self.request
            request = SpeechRequest(clause, self.language, asked.voice_id, speed=asked.speed, seed=asked.seed)
            announced = False
            with self.watch.spent("tts"):
                async with aclosing(self.stages.speak(request)) as pieces:
                    async for pcm in pieces:
                        if not announced:
                            self.watch.mark("first_speech")
                            self._announced.append(Speaking(clause, self.track.seconds_in, 0.0))
                            announced = True
                        self.track.append(pcm)
                        self._more_sound.set()
        if not self.track.rate_hz:
            raise self._nothing_said()
        self.track.end(self.settings.closing_seconds if self.request.picture else 0.0)
        self._more_sound.set()

    def _nothing_said(self) -> AvatarError:
        if self.request.script is not None:
            return BadInput("The text holds nothing that can be spoken.")
        return EngineFailed("The language model gave no speakable answer. Ask again, or in other words.")

    async def _until_below_limit(self, in_hand: Callable[[], float]) -> None:
        """Returns once there is less in hand, in seconds of media, than the listener may be ahead by."""
        if not self.request.paced:
            return
        while (ahead := in_hand() - self.settings.max_ahead_seconds) > 0:
            await asyncio.sleep(min(ahead, 0.2))

    def _sent(self) -> float:
        """Media that the listener has and has not played."""
        return self.playback.buffered_seconds

    def _sent_or_spoken(self) -> float:
        """The same and the speech that has no picture yet."""
        return self._sent() + self.track.seconds_in - self.track.seconds_out

    async def _show(self) -> None:
        video = await self.stages.describe_video()
        avatar = self.request.avatar_id or self.settings.avatar
        state: bytes | None = None
        first_need = GROUP_FRAMES * SAMPLES_PER_FRAME + video.lookahead_samples
        while True:
            need = first_need if state is None else self._step_frames() * SAMPLES_PER_FRAME
            await self._gather(need)
            hearing = self.track.take_hearing(need)
            final = self.track.ended and not self.track.hearing_available
            with self.watch.spent("video"):
                stepped = await self.stages.step(Step(avatar, hearing, state, final, seed=self.request.seed))
            state = stepped.state
            if stepped.frames:
                await self._emit_media(stepped.frames, len(stepped.frames))
            if final:
                return
            await self._until_below_limit(self._sent)

    async def _sound(self) -> None:
        """The turn without a picture: sound as it comes, in pieces of one group."""
        while True:
            await self._gather(GROUP_FRAMES * SAMPLES_PER_FRAME)
            hearing = self.track.take_hearing(GROUP_FRAMES * SAMPLES_PER_FRAME)
            final = self.track.ended and not self.track.hearing_available
            if frames := -(-len(hearing) // SAMPLES_PER_FRAME):
                await self._emit_media((), frames)
            if final:
                return
            await self._until_below_limit(self._sent)

    def _step_frames(self) -> int:
        """Small steps while the listener has little in hand, larger and so cheaper ones after that."""
        near = self.request.paced and self.playback.buffered_seconds < 1.0
        return GROUP_FRAMES if near else self.settings.step_frames

    async def _gather(self, need: int) -> None:
        """Waits until `need` samples of speech are there or no more comes; fills in silence when the listener is
        about to run dry."""
        while self.track.hearing_available < need and not self.track.ended:
            self._more_sound.clear()
            patience = None
            if self.request.paced and self.request.picture and self.playback.started:
                patience = self.playback.buffered_seconds - self.settings.starvation_seconds
            if patience is not None and patience <= 0:
                self.track.fill(GROUP_FRAMES)
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._more_sound.wait()

    async def _emit_media(self, frames: tuple[EncodedFrame, ...], count: int) -> None:
        pcm, filled = self.track.take_ear(count)
        self.filled_seconds += filled
        self.watch.mark("first_media")
        while self._announced and self._announced[0].start_seconds < self.track.seconds_out:
            await self._emit(replace(self._announced.popleft(), at_seconds=self.watch.now()))
        await self._emit(Media(frames, pcm, filled, self.watch.now()))


def _first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The typed error in a task group's errors, else the first one; a group of tasks is nobody's business outside."""
    errors = [error for error in group.exceptions if not isinstance(error, BaseExceptionGroup)]
    typed = [error for error in errors if isinstance(error, AvatarError)]
    return (typed or errors or [group])[0]
