"""The stages as engines in this very process: what tests and the benchmark of Serve's own cost run on."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from deployments.contracts import (
    Animator,
    Cancellation,
    ChatModel,
    Image,
    Pcm,
    ReplyRequest,
    SpeechRequest,
    Step,
    Stepped,
    Synthesizer,
    Transcriber,
    Transcript,
    Utterance,
)
from serve_app.stages import StageHealth, VideoDescription

T = TypeVar("T")


class LocalStages:
    """Implements `serve_app.stages.Stages`: one thread an engine, no queue, no retry."""

    def __init__(
        self,
        transcriber: Transcriber,
        chat_model: ChatModel,
        synthesizer: Synthesizer,
        animator: Animator,
        voices: Sequence[dict[str, object]] = (),
    ) -> None:
        self._transcriber, self._chat_model = transcriber, chat_model
        self._synthesizer, self._animator = synthesizer, animator
        self._voices = list(voices)
        self._threads = {name: ThreadPoolExecutor(1, name) for name in ("asr", "tts", "video")}

    async def transcribe(self, utterance: Utterance) -> Transcript:
        return _one(await self._in("asr", lambda: self._transcriber.transcribe([utterance])))

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]:
        pieces = self._chat_model.reply(request)
        try:
            async for piece in pieces:
                yield piece
        finally:
            await pieces.aclose()

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        cancellation = Cancellation()
        pieces = self._synthesizer.speak(request, cancellation)
        try:
            while (pcm := await self._in("tts", lambda: _next(pieces))) is not None:
                yield pcm
        finally:
            cancellation.cancel()

    async def step(self, step: Step) -> Stepped:
        return _one(await self._in("video", lambda: self._animator.step([step])))

    async def enrol_voice(self, sample: Pcm) -> bytes:
        return await self._in("tts", lambda: self._synthesizer.enrol(sample))

    async def enrol_avatar(self, portrait: Image) -> bytes:
        return await self._in("video", lambda: self._animator.enrol(portrait))

    async def voices(self) -> list[dict[str, object]]:
        return self._voices

    async def describe_video(self) -> VideoDescription:
        return VideoDescription(self._animator.frame_size, self._animator.lookahead_samples, self._animator.fingerprint)

    async def health(self) -> dict[str, StageHealth]:
        return {stage: StageHealth(True) for stage in ("asr", "llm", "tts", "video")}

    async def _in(self, thread: str, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads[thread], work)


def _next(pieces: Iterator[Pcm]) -> Pcm | None:
    return next(pieces, None)


def _one(results: Sequence[T | Exception]) -> T:
    result = results[0]
    if isinstance(result, Exception):
        raise result
    return result
