"""The stages over Ray Serve handles: time limits, the one retry, cancellation, and Ray's errors made ours."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException
from ray.serve.handle import DeploymentHandle

from deployments.contracts import Image, Pcm, ReplyRequest, SpeechRequest, Step, Stepped, Transcript, Utterance
from deployments.errors import AtCapacity, AvatarError, EngineFailed, TimedOut
from serve_app.stages import StageHealth, VideoDescription

logger = logging.getLogger("ray.serve")
T = TypeVar("T")

STAGE_NAMES = {"asr": "ASR", "llm": "LLM", "tts": "TTS", "video": "Video"}
"""Our names of the stages, and those of their deployments."""


class StageLimits(BaseModel):
    """How long the conversation waits for a stage before it gives up, in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer_seconds: float = Field(30.0, gt=0, description="for a whole answer, or the next piece of a stream")
    retry_seconds: float = Field(60.0, gt=0, description="the same for the one retry, as a replica may have to start")


class _Died(Exception):
    """The replica died or raised something that is not one of our errors: worth the one retry."""


class ServeStages:
    """Implements `serve_app.stages.Stages`."""

    def __init__(
        self,
        asr: DeploymentHandle[Any],
        llm: DeploymentHandle[Any],
        tts: DeploymentHandle[Any],
        video: DeploymentHandle[Any],
        limits: StageLimits,
    ) -> None:
        self._asr, self._llm, self._tts, self._video = asr, llm, tts, video
        self._limits = limits
        self._description: VideoDescription | None = None

    async def transcribe(self, utterance: Utterance) -> Transcript:
        transcript: Transcript = await self._call("asr", lambda: self._asr.transcribe.remote(utterance))
        return transcript

    async def step(self, step: Step) -> Stepped:
        stepped: Stepped = await self._call("video", lambda: self._video.step.remote(step))
        return stepped

    async def enrol_voice(self, sample: Pcm) -> bytes:
        blob: bytes = await self._call("tts", lambda: self._tts.enrol.remote(sample))
        return blob

    async def enrol_avatar(self, portrait: Image) -> bytes:
        blob: bytes = await self._call("video", lambda: self._video.enrol.remote(portrait))
        return blob

    async def voices(self) -> list[dict[str, object]]:
        voices: list[dict[str, object]] = await self._call("tts", lambda: self._tts.voices.remote())
        return voices

    async def describe_video(self) -> VideoDescription:
        if self._description is None:
            described = await self._call("video", lambda: self._video.describe.remote())
            self._description = VideoDescription(
                tuple(described["frame_size"]), described["lookahead_samples"], described.get("fingerprint", "")
            )
        return self._description

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]:
        """After a death the reply goes on from the text already emitted."""
        said = request.prefix
        for attempt in (1, 2):
            try:
                ask = replace(request, prefix=said)
                stream = self._stream("llm", attempt, self._llm.options(stream=True).reply.remote, ask)
                async with aclosing(stream) as pieces:
                    async for piece in pieces:
                        said += piece
                        yield piece
                return
            except _Died as death:
                _give_up_after(attempt, "llm", death)

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        """After a death the same clause is spoken again, less the samples already sent."""
        sent = 0
        for attempt in (1, 2):
            skip = sent
            try:
                stream = self._stream("tts", attempt, self._tts.options(stream=True).speak.remote, request)
                async with aclosing(stream) as pieces:
                    async for pcm in pieces:
                        fresh = pcm.samples[skip:]
                        skip -= len(pcm.samples) - len(fresh)
                        sent += len(fresh)
                        if len(fresh):
                            yield Pcm(fresh, pcm.rate_hz)
                return
            except _Died as death:
                _give_up_after(attempt, "tts", death)

    async def health(self) -> dict[str, StageHealth]:
        """From Serve's own view of the deployments, so that a busy stage still counts as healthy."""
        status = await asyncio.to_thread(serve.status)
        deployments = {name: found for app in status.applications.values() for name, found in app.deployments.items()}
        report = {}
        for stage, name in STAGE_NAMES.items():
            found = deployments.get(name)
            states = found.replica_states.items() if found else ()
            # typed as an enumeration of strings, but plain strings once they have come from the controller
            running = sum(count for state, count in states if str(getattr(state, "value", state)) == "RUNNING")
            detail = "" if running else (found.message or "no replica is running yet") if found else "not deployed"
            report[stage] = StageHealth(running > 0, detail)
        return report

    async def _call(self, stage: str, ask: Callable[[], Any]) -> Any:
        for attempt in (1, 2):
            response = ask()
            try:
                async with asyncio.timeout(self._seconds(attempt)):
                    return await response
            except Exception as error:
                death = _translated(stage, error)
                if not isinstance(death, _Died):
                    raise death from error
                _give_up_after(attempt, stage, death)
            finally:
                _withdraw(response)
        raise AssertionError("unreachable")

    async def _stream(self, stage: str, attempt: int, ask: Callable[[T], Any], request: T) -> AsyncGenerator[Any, None]:
        """The items of a handle's stream. Serve goes on producing for nobody unless the stream is cancelled."""
        stream = ask(request)
        try:
            while True:
                try:
                    async with asyncio.timeout(self._seconds(attempt)):
                        item = await anext(stream)
                except StopAsyncIteration:
                    return
                except Exception as error:
                    raise _translated(stage, error) from error
                yield item
        finally:
            _withdraw(stream)

    def _seconds(self, attempt: int) -> float:
        return self._limits.answer_seconds if attempt == 1 else self._limits.retry_seconds


def _withdraw(call: Any) -> None:
    """Frees the replica of a call that is given up; does nothing to one that is over.

    Ray raises what the call had failed with once more. That was reported when it was awaited.
    """
    with suppress(RayServeException, RayError):
        call.cancel()


def _translated(stage: str, error: Exception) -> AvatarError | _Died:
    """One of our errors, or _Died where a second try may help."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, AvatarError):
        return cause
    if isinstance(error, TimeoutError):
        return TimedOut(f"The {stage} stage did not answer in time. Try again; if it goes on, see /health.")
    if isinstance(error, BackPressureError):
        return AtCapacity(f"The {stage} stage has all the work it can queue. Try again in a moment.")
    if isinstance(error, (RayActorError, RayTaskError, DeploymentUnavailableError, RayServeException)):
        return _Died(f"{type(error).__name__}: {error}")
    raise error


def _give_up_after(attempt: int, stage: str, death: _Died) -> None:
    logger.warning("stage %s failed (attempt %d): %s", stage, attempt, death)
    if attempt == 2:
        raise EngineFailed(f"The {stage} stage failed twice on this request. Try again; see /health.") from death
