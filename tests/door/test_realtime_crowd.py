"""Many sessions at once: none ever hears, sees or reads another's."""

import asyncio
import random
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest

from deployments.contracts import Pcm, ReplyRequest, SpeechRequest, Transcript, Utterance
from tests.door.realtime_line import QUESTION, RATE_HZ, Line, line, loud_ears, realtime_app, served
from tests.fakes.frames import decoded
from tests.fakes.stages import FakeStages

pytestmark = pytest.mark.usefixtures("loud_ears")
__all__ = ["loud_ears"]

PEOPLE = 6
TURNS = 3
BASE_HZ, STEP_HZ = 400, 200


class TellingStages(FakeStages):
    """Hears the pitch of who speaks, answers with that person's number, in a tone of that number."""

    async def transcribe(self, utterance: Utterance) -> Transcript:
        await asyncio.sleep(random.uniform(0, 0.02))
        spectrum = np.abs(np.fft.rfft(utterance.pcm.samples))
        pitch = float(np.argmax(spectrum)) * utterance.pcm.rate_hz / len(utterance.pcm.samples)
        return Transcript(f"I am person {number_of(pitch)}.", "en", (), utterance.pcm.seconds)

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]:
        said = {message.content for message in request.messages if message.role == "user"}
        assert len(said) == 1, f"a history of several people: {said}"
        number = said.pop().split()[-1].strip(".")
        for word in f"You are person {number}. Yes, person {number}.".split():
            await asyncio.sleep(random.uniform(0, 0.01))
            yield word + " "

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        number = next(int(word.strip(".,")) for word in request.text.split() if word.strip(".,").isdigit())
        for _ in range(2):
            await asyncio.sleep(random.uniform(0, 0.01))
            yield Pcm(tone(number, 0.4), RATE_HZ)


def tone(number: int, seconds: float) -> np.ndarray:
    times = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (0.4 * np.sin(2 * np.pi * (BASE_HZ + STEP_HZ * number) * times)).astype(np.float32)


def number_of(pitch: float) -> int:
    return round((pitch - BASE_HZ) / STEP_HZ)


def pitch_of(samples: np.ndarray, rate_hz: int) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples)))) * rate_hz / len(samples)


async def converse(url: str, number: int) -> Line:
    video = number % 2 == 0
    question = (tone(number, 1.2) * 32767).astype("<i2").tobytes() + bytes(2 * round(0.8 * RATE_HZ))
    async with line(url, {"avatar": {"video": video, "binary": video and number % 4 == 0}}) as talk:
        for _ in range(TURNS):
            await asyncio.sleep(random.uniform(0, 0.2))
            await talk.say(question)
            await talk.heard_out()
    return talk


async def test_sessions_never_meet(tmp_path: Path) -> None:
    random.seed(7)
    stages = TellingStages()
    async with served(realtime_app(stages, tmp_path, people=3, poll_seconds=0.1)) as url:
        talks = await asyncio.gather(*(converse(url, number) for number in range(PEOPLE)))
    assert stages.running == 0
    ids = [{str(event.get("item_id")) for event in talk.of("input_audio_buffer.committed")} for talk in talks]
    assert sum(map(len, ids)) == len(set().union(*ids)) == PEOPLE * TURNS
    assert any(talk.of("avatar.queue") for talk in talks), "they had to share"
    for number, talk in enumerate(talks):
        heard = talk.of("conversation.item.input_audio_transcription.completed")
        assert [event["transcript"] for event in heard] == [f"I am person {number}."] * TURNS
        said = "".join(event["delta"] for event in talk.of("response.output_audio_transcript.delta"))
        assert {word.strip(".,") for word in said.split() if word.strip(".,").isdigit()} == {str(number)}
        created = {event["response"]["avatar"]["number"] for event in talk.of("response.created")}
        if number % 2:
            assert not talk.films()
            assert number_of(pitch_of(np.frombuffer(talk.sound(), "<i2"), RATE_HZ)) == number
            continue
        assert not talk.sound() and set(talk.films()) == created
        for film in talk.films().values():
            frames = [frame.to_ndarray()[0] for frame in decoded(film)[1]]
            sound = np.concatenate(frames)
            assert number_of(pitch_of(sound[4800:-4800], 48_000)) == number


async def test_fifty_idle_sockets_are_sent_nothing(tmp_path: Path) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url:
        idle = [line(url) for _ in range(50)]
        talks = [await one.__aenter__() for one in idle]
        async with line(url) as speaker:
            await speaker.say(QUESTION)
            await speaker.until("response.done")
        assert all(talk.kinds() == ["session.created"] for talk in talks)
        for one in idle:
            await one.__aexit__(None, None, None)
