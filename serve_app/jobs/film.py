"""A job's film, clause by clause. What is done is kept, so that whoever goes on with the job makes the same film."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
import soxr

from deployments.contracts import (
    FRAMES_PER_SECOND,
    HEARING_RATE_HZ,
    SAMPLES_PER_FRAME,
    EncodedFrame,
    Float32,
    Message,
    Pcm,
    ReplyRequest,
    SpeechRequest,
    Step,
    Utterance,
)
from deployments.errors import BadInput, EngineFailed
from deployments.llm.language import language_of
from deployments.store.store import FILMS, JOB_AUDIO, JOB_PARTS, Store
from serve_app.conversation import ConversationSettings
from serve_app.jobs.content import film_key, part_key
from serve_app.jobs.contracts import Job, JobQueue, JobStatus, Lease
from serve_app.jobs.parts import Part, Samples, joined, pack, to_samples, unpack
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.steady import steadily
from serve_app.media.decode import decode_audio
from serve_app.media.settings import MediaLimits
from serve_app.media.whole import whole_mp4
from serve_app.phrasing import Phraser
from serve_app.stages import Stages
from serve_app.turn_report import TurnReport
from serve_app.withdrawal import withdraw

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Studio:
    """What films are made with."""

    queue: JobQueue
    stages: Stages
    store: Store
    conversation: ConversationSettings
    media: MediaLimits
    settings: JobSettings


@dataclass(frozen=True, slots=True)
class _Speech:
    """One clause's sound, whole frames of it: for the ear, and 16 kHz for the picture. Both empty where the clause
    holds nothing that can be said."""

    rate_hz: int
    ear: Samples
    hearing: Float32


class Film:
    """Makes one job's film under one lease. Frames and samples are those of an undisturbed run, wherever it resumes:
    each clause is spoken and resampled by itself, and the picture goes on from the kept state."""

    def __init__(self, studio: Studio, lease: Lease) -> None:
        self._studio, self._lease = studio, lease
        self._job = lease.job
        self._rate_hz = 0
        self._durations = dict(lease.job.durations)
        self._last = time.perf_counter()

    async def make(self) -> Job:
        """The job as it ends: completed, its film in the store. Raises LeaseLost; BadInput where there is nothing to
        say; and what the stages raise."""
        if self._job.clauses is None:
            await self._advance(replace(await self._scripted(), progress=1))
        await self._shoot(self._job.clauses or ())
        return await self._cut()

    # --- what is said --------------------------------------------------------------------------------------

    async def _scripted(self) -> Job:
        """The job with its clauses, which are never made again."""
        order, languages = self._job.order, self._studio.conversation.languages
        transcript = ""
        if order.script is not None:
            words = order.script
            language = order.language or language_of(words, languages)
        else:
            transcript, heard = await self._heard()
            language = order.language or heard
            if language not in languages:
                language = languages[0]
            words = await self._reply(transcript, language)
        phraser = Phraser(language, self._studio.settings.phrasing)
        clauses = (*phraser.feed(words), *phraser.end())
        return replace(self._job, language=language, transcript=transcript, clauses=clauses)

    async def _heard(self) -> tuple[str, str]:
        """The question's words and their language."""
        data = await asyncio.to_thread(self._studio.store.get, JOB_AUDIO, self._job.order.audio_key or "")
        pcm = await asyncio.to_thread(decode_audio, data, self._studio.media)
        utterance = Utterance(pcm, self._job.order.language)
        transcript = await self._unit("asr", lambda: self._studio.stages.transcribe(utterance))
        if not transcript.text.strip():
            raise BadInput("No speech was heard in the audio. Speak closer to the microphone, or send text.")
        return transcript.text, transcript.language

    async def _reply(self, words: str, language: str) -> str:
        async def whole() -> str:
            async with aclosing(self._studio.stages.reply(request)) as pieces:
                return "".join([piece async for piece in pieces])

        request = ReplyRequest((Message("user", words),), language)
        reply = await self._unit("llm", whole)
        if not reply.strip():
            raise EngineFailed("The language model gave no speakable answer. Ask again, or in other words.")
        return reply

    # --- sound and picture ---------------------------------------------------------------------------------

    async def _shoot(self, clauses: tuple[str, ...]) -> None:
        """Makes the parts that are missing: one a clause, then the silence in which the face comes to rest."""
        state: bytes | None = None
        if self._job.parts:
            last = unpack(await self._part(self._job.parts[-1]))
            state, self._rate_hz = last.state, last.rate_hz
        missing = clauses[len(self._job.parts) :]
        spoken = asyncio.create_task(self._speak(missing[0])) if missing else None
        try:
            for number, _ in enumerate(missing, start=1):
                assert spoken is not None
                speech = await spoken
                # the next clause is spoken while this one is shown
                following = missing[number] if number < len(missing) else None
                spoken = None if following is None else asyncio.create_task(self._speak(following))
                state = await self._keep(speech, state, final=False)
        finally:
            if spoken is not None:
                await withdraw(spoken)
        if len(self._job.parts) == len(clauses):
            if not self._rate_hz:
                raise BadInput("The text holds nothing that can be spoken.")
            await self._keep(self._silence(), state, final=True)

    async def _speak(self, clause: str) -> _Speech:
        async def whole() -> list[Pcm]:
            async with aclosing(self._studio.stages.speak(request)) as stream:
                return [pcm async for pcm in stream]

        order = self._job.order
        request = SpeechRequest(clause, self._job.language or "", order.voice_id, seed=order.seed)
        pieces = await self._unit("tts", whole)
        if not pieces:
            return _Speech(self._rate_hz, np.zeros(0, np.int16), np.zeros(0, np.float32))
        self._rate_hz = self._rate_hz or pieces[0].rate_hz
        return await asyncio.to_thread(
            _framed, np.concatenate([pcm.samples for pcm in pieces]), pieces[0].rate_hz, self._rate_hz
        )

    def _silence(self) -> _Speech:
        frames = -(-round(1000 * self._studio.conversation.closing_seconds) * FRAMES_PER_SECOND // 1000)
        ear = np.zeros(frames * self._rate_hz // FRAMES_PER_SECOND, np.int16)
        return _Speech(self._rate_hz, ear, np.zeros(frames * SAMPLES_PER_FRAME, np.float32))

    async def _keep(self, speech: _Speech, state: bytes | None, final: bool) -> bytes:
        """Shows what was spoken, stores both as the next part and says so. Returns the state after it."""
        frames, after = await self._show(speech.hearing, state, final)
        part = Part(self._rate_hz, speech.ear, tuple(frames), after)
        number = len(self._job.parts)
        key = part_key(self._job.id, self._lease.token, number)
        await asyncio.to_thread(self._studio.store.put, JOB_PARTS, key, pack(part))
        seconds = self._job.seconds + len(speech.hearing) / HEARING_RATE_HZ
        progress = _progress(self._job.clauses or (), number + 1)
        await self._advance(
            replace(self._job, parts=(*self._job.parts, key), seconds=round(seconds, 2), progress=progress)
        )
        return after

    async def _show(self, hearing: Float32, state: bytes | None, final: bool) -> tuple[list[EncodedFrame], bytes]:
        order, size = self._job.order, self._studio.settings.step_frames * SAMPLES_PER_FRAME
        avatar = order.avatar_id or self._studio.conversation.avatar
        frames: list[EncodedFrame] = []
        starts = range(0, max(1, len(hearing)), size)
        for start in starts:
            last = final and start == starts[-1]
            step = Step(avatar, hearing[start : start + size], state, last, seed=order.seed)
            stepped = await self._unit("video", partial(self._studio.stages.step, step))
            state = stepped.state
            frames += stepped.frames
        return frames, state or b""

    # --- the end -------------------------------------------------------------------------------------------

    async def _cut(self) -> Job:
        """All parts as one MP4, in the store."""
        described = await self._studio.stages.describe_video()
        await self._permitted()
        with self._spent("mux"):
            parts = [unpack(await self._part(key)) for key in self._job.parts]
            frames = joined(parts)
            speech = [part.pcm for part in parts if len(part.speech)]
            film = await asyncio.to_thread(whole_mp4, frames, speech, described.frame_size)
        key = film_key(self._job.id, self._lease.token)
        seconds = round(len(frames) / FRAMES_PER_SECOND, 2)
        data = film + self._report(seconds).as_box()
        await asyncio.to_thread(self._studio.store.put, FILMS, key, data)
        return replace(
            self._job,
            status=JobStatus.COMPLETED,
            content=key,
            progress=100,
            seconds=seconds,
            durations=self._worked(),
        )

    def _report(self, seconds: float) -> TurnReport:
        job = self._job
        reply = job.order.script or ("" if job.language == "zh" else " ").join(job.clauses or ())
        return TurnReport(job.id, job.transcript, reply, job.language or "", seconds, 0.0, self._worked())

    async def _part(self, key: str) -> bytes:
        return await asyncio.to_thread(self._studio.store.get, JOB_PARTS, key)

    # --- the queue -----------------------------------------------------------------------------------------

    async def _unit(self, name: str, work: Callable[[], Awaitable[T]]) -> T:
        """One piece of work. It begins when nobody wants to be answered and, where somebody does meanwhile, is dropped
        and begun anew later: the same piece gives the same result."""
        settings = self._studio.settings
        while True:
            await self._permitted()
            task = asyncio.ensure_future(work())
            try:
                with self._spent(name):
                    while not (await asyncio.wait((task,), timeout=settings.yield_seconds))[0]:
                        if not await steadily(lambda: self._studio.queue.proceed(self._lease, 0.0), settings):
                            break
                if task.done():
                    return task.result()
            finally:
                await withdraw(task)

    async def _permitted(self) -> None:
        """Returns when the next unit may run: people go first."""
        settings = self._studio.settings
        with self._spent("people"):
            while not await steadily(
                lambda: self._studio.queue.proceed(self._lease, settings.patience_seconds), settings
            ):
                pass

    async def _advance(self, job: Job) -> None:
        job = replace(job, durations=self._worked())
        await steadily(lambda: self._studio.queue.advance(self._lease, job), self._studio.settings)
        self._job = job

    @contextmanager
    def _spent(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self._durations[name] = self._durations.get(name, 0.0) + time.perf_counter() - start

    def _worked(self) -> dict[str, float]:
        """Seconds by stage, those of earlier attempts included; `total`: all the time it was being worked on."""
        now = time.perf_counter()
        self._durations["total"] = self._durations.get("total", 0.0) + now - self._last
        self._last = now
        return {name: round(seconds, 3) for name, seconds in self._durations.items()}


def _framed(samples: Float32, rate_hz: int, film_rate_hz: int) -> _Speech:
    """One clause's speech at the film's rate, and at 16 kHz, both padded to a whole number of frames. What comes out
    depends on this clause alone."""
    if rate_hz != film_rate_hz:
        samples = soxr.resample(samples, rate_hz, film_rate_hz).astype(np.float32)
    per_frame = film_rate_hz // FRAMES_PER_SECOND
    frames = -(-len(samples) // per_frame)
    samples = np.pad(samples, (0, frames * per_frame - len(samples)))
    hearing = soxr.resample(samples, film_rate_hz, HEARING_RATE_HZ).astype(np.float32)
    count = frames * SAMPLES_PER_FRAME
    hearing = np.pad(hearing[:count], (0, max(0, count - len(hearing))))
    return _Speech(film_rate_hz, to_samples(samples), hearing)


def _progress(clauses: Sequence[str], done: int) -> int:
    """Percent by characters, the last one kept back for the film itself."""
    total = sum(map(len, clauses)) or 1
    return min(99, max(1, 98 * sum(map(len, clauses[:done])) // total + (done > len(clauses))))
