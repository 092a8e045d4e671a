"""/v1/audio/transcriptions through the official client."""

from typing import Any

import numpy as np
import openai
import pytest

from deployments.contracts import Transcript, Utterance, Word
from deployments.errors import EngineFailed
from serve_app.gateway.openai_segments import raw_segments_of, segments_of, subrip, web_vtt
from tests.door.conftest import wav
from tests.fakes.openai_stages import OpenAiStages

ASK: Any = {"model": "whisper-1", "file": ("question.wav", wav(3.0))}
HEARD = "What is the capital of France?"


def test_the_plain_forms(program: openai.OpenAI, scripted: OpenAiStages) -> None:
    answer = program.audio.transcriptions.create(**ASK, language="en", temperature=0)
    assert answer.text == HEARD
    assert answer.usage is not None and answer.usage.type == "duration" and answer.usage.seconds == 3.0
    (utterance,) = scripted.asked("transcribe")
    assert isinstance(utterance, Utterance) and utterance.language == "en" and utterance.pcm.rate_hz == 16_000
    assert program.audio.transcriptions.create(**ASK, response_format="text") == f"{HEARD}\n"
    assert program.audio.transcriptions.create(**ASK, response_format="srt") == (
        f"1\n00:00:00,000 --> 00:00:02,900\n{HEARD}\n\n"
    )
    assert program.audio.transcriptions.create(**ASK, response_format="vtt") == (
        f"WEBVTT\n\n00:00:00.000 --> 00:00:02.900\n{HEARD}\n\n"
    )


def test_the_verbose_form(program: openai.OpenAI) -> None:
    both: Any = {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
    answer = program.audio.transcriptions.create(**ASK, **both)
    assert (answer.text, answer.language, answer.duration) == (HEARD, "english", 3.0)
    assert answer.words and [word.word for word in answer.words] == HEARD.split()
    assert (answer.words[1].start, answer.words[1].end) == (0.5, 0.9)
    assert answer.segments
    (segment,) = answer.segments
    assert (segment.id, segment.text, segment.start, segment.end) == (0, HEARD, 0.0, 2.9)
    assert segment.avg_logprob is None and segment.tokens is None  # not known here, and not made up
    segments_only = program.audio.transcriptions.create(**ASK, response_format="verbose_json")
    assert segments_only.segments and segments_only.words is None
    words_only = program.audio.transcriptions.create(**ASK, **(both | {"timestamp_granularities": ["word"]}))
    assert words_only.words and words_only.segments is None


async def test_the_stream(async_program: openai.AsyncOpenAI, scripted: OpenAiStages) -> None:
    scripted.heard = "It is  here. It is there! Or not"
    stream = await async_program.audio.transcriptions.create(**ASK, stream=True)
    events = [event async for event in stream]
    *deltas, done = events
    assert [event.type for event in deltas] == ["transcript.text.delta"] * 3
    assert done.type == "transcript.text.done" and done.text == scripted.heard
    assert "".join(event.delta for event in deltas if event.type == "transcript.text.delta") == scripted.heard
    scripted.errors["transcribe"] = EngineFailed("It broke.")
    with pytest.raises(openai.InternalServerError):
        await async_program.audio.transcriptions.create(**ASK, stream=True)


def test_silence_is_an_empty_text(program: openai.OpenAI) -> None:
    silent: Any = ASK | {"file": ("silence.wav", wav(1.0, level=0.0))}
    assert program.audio.transcriptions.create(**silent).text == ""
    verbose = program.audio.transcriptions.create(**silent, response_format="verbose_json")
    assert verbose.segments == []
    assert program.audio.transcriptions.create(**silent, response_format="vtt") == "WEBVTT\n\n"
    (done,) = program.audio.transcriptions.create(**silent, stream=True)
    assert done.type == "transcript.text.done" and done.text == ""


@pytest.mark.parametrize(
    ("more", "status", "param"),
    [
        ({"prompt": "Louvre"}, 400, "prompt"),
        ({"temperature": 0.4}, 400, "temperature"),
        ({"response_format": "diarized_json"}, 400, "response_format"),
        ({"include": ["logprobs"]}, 400, "include[]"),
        ({"stream": True, "response_format": "srt"}, 400, "stream"),
        ({"response_format": "xml"}, 422, "response_format"),
        ({"timestamp_granularities": ["word"]}, 422, "timestamp_granularities"),
        ({"language": "klingon"}, 422, "language"),
        ({"language": "xx"}, 422, "language"),
        ({"extra_body": {"colour": "red"}}, 422, "colour"),
    ],
)
def test_what_is_refused_is_named(program: openai.OpenAI, more: dict[str, Any], status: int, param: str) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        program.audio.transcriptions.create(**(ASK | more))
    assert (refused.value.status_code, refused.value.param) == (status, param)
    assert refused.value.code == ("unsupported" if status == 400 else "invalid_field")


def test_bad_files_are_refused(program: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as unreadable:
        program.audio.transcriptions.create(**(ASK | {"file": ("x.wav", b"no sound")}))
    assert unreadable.value.code == "bad_input"
    with pytest.raises(openai.APIStatusError) as long:
        program.audio.transcriptions.create(**(ASK | {"file": ("x.wav", wav(61.0, 8000))}))
    assert long.value.status_code == 413
    with pytest.raises(openai.APIStatusError) as none:
        program.post("/audio/transcriptions", body={"model": "x"}, cast_to=object)
    assert none.value.status_code == 415


def spoken(text: str, *times: tuple[float, float]) -> Transcript:
    words = tuple(Word(word, *time) for word, time in zip(text.split(), times, strict=True))
    return Transcript(text, "en", words, 60.0)


def test_segments_are_sentences_and_part_at_pauses() -> None:
    heard = spoken("One two. Three four", (0, 1), (1, 2), (2.5, 3), (5, 6))
    found = segments_of(heard)
    assert [(one.text, one.start_seconds, one.end_seconds) for one in found] == [
        ("One two.", 0, 2),
        ("Three", 2.5, 3),
        ("four", 5, 6),
    ]
    assert "".join(one.text for one in raw_segments_of(heard)) == heard.text


def test_long_sentences_are_cut_for_subtitles() -> None:
    text = " ".join(["wordy"] * 60)
    found = segments_of(spoken(text, *[(float(at), at + 0.9) for at in range(60)]))
    assert max(len(one.text) for one in found) <= 84 and len(found) == 5
    assert " ".join(one.text for one in found) == text


def test_chinese_words_join_without_blanks() -> None:
    heard = Transcript("你好。世界", "zh", (Word("你好。", 0, 1), Word("世界", 1, 2)), 2.0)
    assert [one.text for one in segments_of(heard)] == ["你好。", "世界"]


def test_words_that_are_not_the_text_s_give_one_segment() -> None:
    heard = Transcript("Other", "en", (Word("text", 0, 1),), 2.0)
    assert [(one.text, one.end_seconds) for one in segments_of(heard)] == [("Other", 2.0)]


def test_subtitles_escape_and_count() -> None:
    hour = segments_of(Transcript("a < b & c", "en", (), 3661.5))
    assert "00:00:00.000 --> 01:01:01.500\na &lt; b &amp; c\n" in web_vtt(hour)
    assert subrip(hour).startswith("1\n00:00:00,000 --> 01:01:01,500\na < b & c\n")
    assert np.char.count(subrip(hour * 3), "-->") == 3
