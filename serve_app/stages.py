"""The four stages as the conversation sees them: over Serve handles, in one process, or a fake."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from deployments.contracts import Image, Pcm, ReplyRequest, SpeechRequest, Step, Stepped, Transcript, Utterance


@dataclass(frozen=True, slots=True)
class StageHealth:
    """Whether a stage answers. `detail` says what is wrong and what to do about it."""

    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class VideoDescription:
    """What the video stage makes. `frame_size` is (width, height) in pixels; `lookahead_samples` counts 16 kHz;
    `fingerprint` changes with whatever shows in the frames besides avatar, audio and seed."""

    frame_size: tuple[int, int]
    lookahead_samples: int
    fingerprint: str = ""


class Stages(Protocol):
    """All methods raise `deployments.errors` types only. Closing a stream stops the work behind it."""

    async def transcribe(self, utterance: Utterance) -> Transcript: ...

    def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]: ...

    def speak(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]: ...

    async def step(self, step: Step) -> Stepped: ...

    async def enrol_voice(self, sample: Pcm) -> bytes: ...

    async def enrol_avatar(self, portrait: Image) -> bytes: ...

    async def voices(self) -> list[dict[str, object]]: ...

    async def describe_video(self) -> VideoDescription: ...

    async def health(self) -> dict[str, StageHealth]: ...
