"""Collects what comes over a realtime conversation, so that a benchmark can wait for it and look at it afterwards."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from serve_app.client import (
    AnswerBegun,
    AnswerDone,
    Caption,
    HeardAll,
    MediaPiece,
    Queued,
    RealtimeConversation,
    RealtimeEvent,
    Refusal,
    SpeechStarted,
    SpeechStopped,
)


@dataclass(slots=True)
class Answer:
    """One answer. Media after `done` would be a broken promise, so they are kept apart. `start_seconds`: where its
    media begin on the session's timeline, as was announced."""

    response_id: str
    begun_at: float
    start_seconds: float = 0.0
    media: list[MediaPiece] = field(default_factory=list)
    late_media: list[MediaPiece] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    done: AnswerDone | None = None


class Listener:
    """Run `run()` as a task. `wait` returns when what is waited for has come."""

    def __init__(self, talk: RealtimeConversation, on_media: Callable[[MediaPiece], None] | None = None) -> None:
        self.answers: list[Answer] = []
        self.heard: list[HeardAll] = []
        self.started: list[SpeechStarted] = []
        self.stopped: list[SpeechStopped] = []
        self.queued: list[Queued] = []
        self.refusals: list[Refusal] = []
        self.messages = 0
        self._talk = talk
        self._on_media = on_media
        self._news = asyncio.Event()
        self._failure: BaseException | None = None
        self._ended = False

    async def run(self) -> None:
        """Until the conversation ends; what ends it is raised where somebody waits."""
        try:
            async for event in self._talk:
                self.messages += 1
                self._take(event)
                self._news.set()
        except Exception as error:
            self._failure = error
        finally:
            self._ended = True
            self._news.set()

    async def wait(self, reached: Callable[[], bool], seconds: float = 60.0, what: str = "it") -> None:
        """Raises TimeoutError, and what ended the conversation."""
        try:
            async with asyncio.timeout(seconds):
                while not reached():
                    if self._failure is not None:
                        raise self._failure
                    if self._ended:
                        raise RuntimeError(f"The conversation ended before {what} came.")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as error:
            said = [refusal.message for refusal in self.refusals[-1:]]
            raise TimeoutError(f"{what} did not come in {seconds:g} s {said or ''}") from error

    def forget(self) -> None:
        """All that is over: a long conversation must not grow here."""
        self.answers = [answer for answer in self.answers if answer.done is None]
        for kept in (self.heard, self.started, self.stopped, self.queued, self.refusals):
            kept.clear()

    def _take(self, event: RealtimeEvent) -> None:
        match event:
            case AnswerBegun():
                self.answers.append(Answer(event.response_id, event.received_at, event.start_seconds))
            case MediaPiece():
                answer = self._answer(event.response_id)
                (answer.late_media if answer.done else answer.media).append(event)
                if self._on_media:
                    self._on_media(event)
            case Caption():
                self._answer(event.response_id).captions.append(event.text)
            case AnswerDone():
                self._answer(event.response_id).done = event
            case HeardAll():
                self.heard.append(event)
            case SpeechStarted():
                self.started.append(event)
            case SpeechStopped():
                self.stopped.append(event)
            case Queued():
                self.queued.append(event)
            case Refusal():
                self.refusals.append(event)

    def _answer(self, response_id: str) -> Answer:
        for answer in reversed(self.answers):
            if answer.response_id == response_id:
                return answer
        # media of a forgotten or never announced answer: their own record makes that visible
        self.answers.append(Answer(response_id or "unannounced", 0.0))
        return self.answers[-1]
