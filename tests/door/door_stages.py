"""Stages for the doors: real H.264, a tone for a voice, everything countable and stoppable."""

import asyncio
from collections.abc import AsyncGenerator

import numpy as np

from deployments.contracts import (
    Image,
    Pcm,
    ReplyRequest,
    SpeechRequest,
    Step,
    Stepped,
    Transcript,
    Utterance,
    Word,
)
from deployments.errors import AvatarError, BadInput
from serve_app.stages import StageHealth, VideoDescription
from tests.fakes.animator import FakeAnimator

VOICE_RATE_HZ = 24_000


class DoorStages:
    """Implements `serve_app.stages.Stages`. `fail` maps a stage to the error it raises; `gate` holds replies back."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.asked: list[object] = []
        self.fail: dict[str, Exception] = {}
        self.ill: dict[str, str] = {}
        self.closed: list[str] = []
        self.pieces: tuple[str, ...] = ("Hello there, ", "I can hear you well. ", "Ask me anything you like.")
        self.gate: asyncio.Event | None = None
        self.at_gate = asyncio.Event()
        self.clause_seconds = 1
        self._animator = FakeAnimator()

    def _called(self, stage: str, ask: object) -> None:
        self.calls.append(stage)
        self.asked.append(ask)
        if stage in self.fail:
            raise self.fail[stage]

    async def transcribe(self, utterance: Utterance) -> Transcript:
        self._called("asr", utterance)
        if np.abs(utterance.pcm.samples).max() < 1e-4:
            return Transcript("", utterance.language or "en", (), utterance.pcm.seconds)
        word = Word("hello", 0.0, 0.5)
        return Transcript("hello", utterance.language or "en", (word,), utterance.pcm.seconds)

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]:
        self._called("llm", request)
        try:
            for piece in self.pieces:
                yield piece
                if self.gate is not None:
                    self.at_gate.set()
                    await self.gate.wait()
        finally:
            self.closed.append("llm")

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        self._called("tts", request)
        try:
            time = np.arange(VOICE_RATE_HZ) / VOICE_RATE_HZ
            for _ in range(self.clause_seconds):
                yield Pcm((0.2 * np.sin(2 * np.pi * 220 * time)).astype(np.float32), VOICE_RATE_HZ)
                await asyncio.sleep(0)
        finally:
            self.closed.append("tts")

    async def step(self, step: Step) -> Stepped:
        self._called("video", step)
        result = self._animator.step([step])[0]
        if isinstance(result, Exception):
            raise result
        return result

    async def enrol_voice(self, sample: Pcm) -> bytes:
        self._called("enrol_voice", sample)
        if sample.seconds < 1:
            raise BadInput("The sample is too short: at least 1 second of speech is needed.")
        return b"voice"

    async def enrol_avatar(self, portrait: Image) -> bytes:
        self._called("enrol_avatar", portrait)
        return self._animator.enrol(portrait)

    async def voices(self) -> list[dict[str, object]]:
        return [{"id": "af_heart", "language": "en"}, {"id": "ef_dora", "language": "es"}]

    async def describe_video(self) -> VideoDescription:
        return VideoDescription(self._animator.frame_size, self._animator.lookahead_samples, "0fa4e")

    async def health(self) -> dict[str, StageHealth]:
        if "health" in self.fail:
            raise self.fail["health"]
        stages = ("asr", "llm", "tts", "video")
        return {stage: StageHealth(stage not in self.ill, self.ill.get(stage, "")) for stage in stages}


class Broken(AvatarError):
    """An error that only tests raise."""

    code = "broken"
    status = 502
