"""/v1/audio/speech through the official client."""

import base64
import io
import json
import struct
import time
import wave
from typing import Any

import av
import numpy as np
import openai
import pytest
import soundfile

from deployments.contracts import Pcm, SpeechRequest
from deployments.errors import EngineFailed
from serve_app.media.sound_files import FORMATS
from serve_app.media.synthetic import SPEECH_COMMENT
from tests.fakes.openai_stages import OpenAiStages

TEXT = "Hello there, my friend. I have been waiting here for you since this morning."
ASK: Any = {"model": "tts-1", "voice": "alloy", "input": TEXT}
SECONDS = 0.3 * len(TEXT.split())


def asked(stages: OpenAiStages) -> list[SpeechRequest]:
    return [request for request in stages.asked("speak") if isinstance(request, SpeechRequest)]


def sound(data: bytes) -> tuple[np.ndarray, int, str]:
    """Samples, their rate, and the comment of the file."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        frames = [frame.to_ndarray() for frame in container.decode(stream)]
        comment = container.metadata.get("comment") or stream.metadata.get("comment", "")
        return np.concatenate(frames, axis=1), int(stream.rate or 0), comment


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav"])
def test_every_format_holds_the_speech_and_says_that_it_is_synthetic(program: openai.OpenAI, name: Any) -> None:
    answer = program.audio.speech.create(**ASK, response_format=name)
    samples, rate, comment = sound(answer.content)
    assert abs(samples.shape[1] / rate - SECONDS) < 0.15  # frames of padding, where the format has them
    assert comment == SPEECH_COMMENT
    assert answer.response.headers["content-type"].split(";")[0] == FORMATS[name].media_type
    loud = np.abs(samples).max() / (32768 if samples.dtype != np.float32 else 1)
    assert 0.2 < loud < 0.5


def test_bare_samples_and_wav_are_the_same_24_kilohertz(program: openai.OpenAI) -> None:
    pcm = program.audio.speech.create(**ASK, response_format="pcm").content
    assert len(pcm) == round(SECONDS * 24_000) * 2
    data = program.audio.speech.create(**ASK, response_format="wav").content
    assert data.endswith(pcm) and data[:4] == b"RIFF" and struct.unpack_from("<I", data, 4) == (0xFFFFFFFF,)
    read, rate = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate == 24_000 and read.tobytes() == pcm
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 24_000, 2)


def test_mp3_is_what_comes_unasked(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    answer = program.audio.speech.create(**ASK)
    assert answer.response.headers["content-type"] == "audio/mpeg"
    assert answer.response.headers["x-avatar-voice"] == "af_heart"  # alloy is not here: the default voice spoke
    assert {request.voice_id for request in asked(scripted)} == {None}
    assert " ".join(request.text for request in asked(scripted)) == TEXT
    assert len(asked(scripted)) > 1 and len(asked(scripted)[0].text.split()) <= 4  # a short first clause


async def test_the_first_bytes_come_before_the_rest_is_made(
    async_program: openai.AsyncOpenAI, scripted: OpenAiStages
) -> None:
    scripted.delays["speak_piece"] = 0.15
    begun = time.monotonic()
    async with async_program.audio.speech.with_streaming_response.create(**ASK, response_format="opus") as answer:
        chunks = [(time.monotonic() - begun, chunk) async for chunk in answer.iter_bytes()]
    whole = 0.15 * 2 * len(asked(scripted))
    assert chunks[0][0] < whole / 2 < chunks[-1][0]
    assert sound(b"".join(chunk for _, chunk in chunks))[1] == 48_000


def test_language_voice_and_speed_are_passed_on(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    program.audio.speech.create(model="x", voice={"id": "ef_dora"}, input="¿Dónde está la biblioteca?", speed=1.5)
    last = asked(scripted)[-1]
    assert (last.language, last.voice_id, last.speed) == ("es", "ef_dora", 1.5)
    answer = program.audio.speech.create(model="x", voice="default", input="Hola", extra_body={"language": "en-GB"})
    assert asked(scripted)[-1].language == "en" and asked(scripted)[-1].voice_id is None
    assert answer.response.headers["x-avatar-voice"] == "af_heart"


def test_events_carry_the_same_file(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    answer = program.audio.speech.create(**ASK, stream_format="sse", response_format="pcm")
    assert answer.response.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    assert [event["type"] for event in events] == ["speech.audio.delta"] * (len(events) - 1) + ["speech.audio.done"]
    sent = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert sent == program.audio.speech.create(**ASK, response_format="pcm").content


@pytest.mark.parametrize(
    ("more", "status", "code", "param"),
    [
        ({"voice": "bob"}, 422, "invalid_field", "voice"),
        ({"speed": 4.0}, 422, "invalid_field", "speed"),
        ({"input": " "}, 422, "invalid_field", "input"),
        ({"response_format": "midi"}, 422, "invalid_field", "response_format"),
        ({"instructions": "Whisper."}, 400, "unsupported", "instructions"),
        ({"input": "x" * 4001}, 413, "too_large", None),
        ({"input": "?!"}, 400, "bad_input", None),
        ({"extra_body": {"language": "fr"}}, 415, "unsupported", None),
    ],
)
def test_what_is_refused_is_named(
    program: openai.OpenAI, more: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        program.audio.speech.create(**(ASK | more))
    assert (refused.value.status_code, refused.value.code, refused.value.param) == (status, code, param)
    if param == "voice":
        assert "af_heart" in refused.value.message


def test_failures_before_and_after_the_first_bytes(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    scripted.errors["speak_piece"] = EngineFailed("It broke.")
    with pytest.raises(openai.InternalServerError):
        program.audio.speech.create(**ASK)
    scripted.errors, scripted.delays["speak_piece"] = {}, 0.1
    with program.audio.speech.with_streaming_response.create(**ASK) as answer:
        chunks = answer.iter_bytes()
        next(chunks)
        scripted.errors["speak"] = EngineFailed("It broke.")
        with pytest.raises(Exception, match=r"incomplete|closed|peer"):  # cut, so that nobody takes it for the whole
            list(chunks)


@pytest.mark.parametrize("name", list(FORMATS))
def test_other_rates_are_resampled_and_a_change_of_rate_is_an_error(name: str) -> None:
    file = FORMATS[name].open()
    second = Pcm(np.zeros(16_000, np.float32), 16_000)
    data = file.add(second) + file.add(Pcm(np.zeros(0, np.float32), 16_000))
    with pytest.raises(EngineFailed, match="rate"):
        file.add(Pcm(np.zeros(10, np.float32), 24_000))
    data += file.end()
    if name == "pcm":
        assert abs(len(data) - 48_000) < 100
    else:
        samples, rate, _ = sound(data)
        assert abs(samples.shape[1] / rate - 1) < 0.12
