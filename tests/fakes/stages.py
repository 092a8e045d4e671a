"""All four stages as one scripted fake: what it hears, what it answers, how long things take, what fails."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import numpy as np

from deployments.contracts import Image, Pcm, ReplyRequest, SpeechRequest, Step, Stepped, Transcript, Utterance
from deployments.errors import AvatarError, NotFound
from serve_app.stages import StageHealth, VideoDescription
from tests.fakes.animator import FakeAnimator

SECONDS_PER_WORD = 0.3
RATE_HZ = 24_000


@dataclass
class FakeStages:
    """Implements `serve_app.stages.Stages`. Speech is a tone of 0.3 s a word; pictures are flat but real H.264.

    `errors` maps a verb to what it raises. `delays` maps a verb to seconds it waits before each answer or piece.
    `running` counts the calls and streams that have not ended, `calls` what was asked, in order.
    """

    heard: str = "What is the capital of France?"
    language: str = "en"
    reply_pieces: tuple[str, ...] = ("Well, ", "that is ", "Paris, ", "of course. ", "Have you ", "been there?")
    errors: dict[str, AvatarError] = field(default_factory=dict)
    delays: dict[str, float] = field(default_factory=dict)
    health_report: dict[str, StageHealth] = field(
        default_factory=lambda: {name: StageHealth(True) for name in ("asr", "llm", "tts", "video")}
    )
    animator: FakeAnimator = field(default_factory=FakeAnimator)
    calls: list[tuple[str, object]] = field(default_factory=list)
    running: int = 0

    async def transcribe(self, utterance: Utterance) -> Transcript:
        async with self._asked("transcribe", utterance):
            silent = not len(utterance.pcm.samples) or float(np.abs(utterance.pcm.samples).max()) < 1e-3
            text = "" if silent else self.heard
            return Transcript(text, utterance.language or self.language, (), utterance.pcm.seconds)

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]:
        async with self._asked("reply", request):
            for piece in self.reply_pieces:
                await self._wait("reply_piece")
                yield piece

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        async with self._asked("speak", request):
            if request.voice_id == "nobody":
                raise NotFound("There is no voice 'nobody'. Choose one of: af_heart.")
            seconds = SECONDS_PER_WORD * max(1, len(request.text.split()))
            if not any(character.isalnum() for character in request.text):
                return
            times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
            tone = (0.3 * np.sin(2 * np.pi * 220 * times)).astype(np.float32)
            for part in np.array_split(tone, 2):
                await self._wait("speak_piece")
                yield Pcm(part, RATE_HZ)

    async def step(self, step: Step) -> Stepped:
        async with self._asked("step", step):
            result = self.animator.step([step])[0]
            if isinstance(result, Exception):
                raise result
            return result

    async def enrol_voice(self, sample: Pcm) -> bytes:
        async with self._asked("enrol_voice", sample):
            return b"fake voice"

    async def enrol_avatar(self, portrait: Image) -> bytes:
        async with self._asked("enrol_avatar", portrait):
            return self.animator.enrol(portrait)

    async def voices(self) -> list[dict[str, object]]:
        return [
            {"id": "af_heart", "name": "Heart", "language": "en", "gender": "female", "kind": "builtin"},
            {"id": "ef_dora", "name": "Dora", "language": "es", "gender": "female", "kind": "builtin"},
            {"id": "zf_xiaoxiao", "name": "Xiaoxiao", "language": "zh", "gender": "female", "kind": "builtin"},
        ]

    async def describe_video(self) -> VideoDescription:
        return VideoDescription(self.animator.frame_size, self.animator.lookahead_samples, "0fa4e")

    async def health(self) -> dict[str, StageHealth]:
        return self.health_report

    async def _wait(self, name: str) -> None:
        await asyncio.sleep(self.delays.get(name, 0))
        if name in self.errors:
            raise self.errors[name]

    def _asked(self, name: str, what: object) -> "_Call":
        return _Call(self, name, what)

    def asked(self, name: str) -> list[object]:
        """What one verb was asked, in order."""
        return [what for verb, what in self.calls if verb == name]


class _Call:
    """Counts a call while it runs; delays it and makes it fail as the script says."""

    def __init__(self, stages: FakeStages, name: str, what: object) -> None:
        self._stages, self._name, self._what = stages, name, what

    async def __aenter__(self) -> None:
        self._stages.running += 1
        self._stages.calls.append((self._name, self._what))
        try:
            await self._stages._wait(self._name)
        except BaseException:
            self._stages.running -= 1
            raise

    async def __aexit__(self, *error: object) -> None:
        self._stages.running -= 1
