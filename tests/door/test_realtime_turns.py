"""A conversation over the realtime socket: what is told, in which order, and what the stages were asked."""

import base64
import io
from pathlib import Path

import av
import numpy as np
import pytest

from deployments.contracts import Message, ReplyRequest, SpeechRequest, Utterance
from deployments.errors import EngineFailed
from tests.door.realtime_line import (
    BINARY,
    PUSH_TO_TALK,
    QUESTION,
    RATE_HZ,
    VIDEO,
    WRITTEN,
    Line,
    line,
    loud,
    loud_ears,
    quiet,
    realtime_app,
    served,
)
from tests.fakes.frames import decoded
from tests.fakes.stages import FakeStages

pytestmark = pytest.mark.usefixtures("loud_ears")
__all__ = ["loud_ears"]

REPLY = "Well, that is Paris, of course. Have you been there?"
TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.completed",
]
ANSWER_BEGINS = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
]
ANSWER_ENDS = [
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]
MEDIA = ("response.output_audio.delta", "response.output_video.delta", "binary")


def without_media(talk: Line) -> list[str]:
    kinds = [kind for kind in talk.kinds() if kind not in MEDIA and not kind.startswith("session.")]
    return [kind for at, kind in enumerate(kinds) if at == 0 or kind != kinds[at - 1]]


async def test_a_spoken_turn_is_told_in_the_protocols_order(tmp_path: Path) -> None:
    stages = FakeStages(delays={"reply_piece": 0.01})
    async with served(realtime_app(stages, tmp_path)) as url, line(url) as talk:
        await talk.say(QUESTION)
        done = await talk.until("response.done")
        assert without_media(talk) == [*TURN, *ANSWER_BEGINS, "response.output_audio.done", *ANSWER_ENDS]
        first_sound = talk.kinds().index("response.output_audio.delta")
        assert talk.kinds().index("response.output_audio_transcript.delta") < first_sound
        assert len({event["event_id"] for event in talk.events}) == len(talk.events)
        response = done["response"]
        assert (response["status"], response["output_modalities"]) == ("completed", ["audio"])
        assert response["output"][0]["content"] == [{"type": "output_audio", "transcript": REPLY}]
        timings = response["avatar"]["timings"]
        assert timings["end_of_speech_to_first_media"] > 0 and timings["silence_wait"] >= 0
        assert {"transcript", "asr", "first_token", "first_speech", "llm", "tts"} <= set(timings)
        spoken = (
            sum(len(asked.text.split()) for asked in stages.asked("speak") if isinstance(asked, SpeechRequest)) * 0.3
        )
        sound = np.frombuffer(talk.sound(), "<i2")
        assert len(sound) / RATE_HZ == pytest.approx(spoken, abs=0.05) and np.abs(sound).max() > 5000
        assert response["avatar"]["media_seconds"] == pytest.approx(spoken, abs=0.05)
        assert not stages.asked("step"), "nobody asked for a picture"


async def test_the_ids_of_a_turn_hang_together(tmp_path: Path) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url, line(url) as talk:
        await talk.say(QUESTION)
        await talk.until("response.done")
        (started,), (stopped,) = (talk.of(f"input_audio_buffer.speech_{how}") for how in ("started", "stopped"))
        (committed,) = talk.of("input_audio_buffer.committed")
        user, answer = talk.of("conversation.item.added")
        assert started["item_id"] == stopped["item_id"] == committed["item_id"] == user["item"]["id"]
        assert answer["previous_item_id"] == user["item"]["id"]
        assert 0 <= started["audio_start_ms"] < 1200 < stopped["audio_end_ms"] <= 2000
        (created,) = talk.of("response.created")
        for kind in (*ANSWER_BEGINS[1:], *MEDIA[:1], *ANSWER_ENDS[:3]):
            assert {event.get("response_id", created["response"]["id"]) for event in talk.of(kind)} == {
                created["response"]["id"]
            }


@pytest.mark.parametrize("session", [VIDEO, BINARY])
async def test_a_picture_comes_as_fragmented_mp4_on_one_timeline(tmp_path: Path, session: dict[str, object]) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url, line(url, session) as talk:
        for _ in range(2):
            await talk.say(QUESTION)
            await talk.heard_out()
        assert not talk.of("response.output_audio.delta")
        assert bool(talk.of("binary")) == (session is BINARY)
        first, second = (event["response"]["avatar"] for event in talk.of("response.created"))
        one, two = (event["response"]["avatar"] for event in talk.of("response.done"))
        films = talk.films()
        assert list(films) == [first["number"], second["number"]]
        starts = []
        for film, report in zip(films.values(), (one, two), strict=True):
            video, audio = decoded(film)
            assert len(video) == round(25 * report["media_seconds"]) and audio
            with av.open(io.BytesIO(film)) as container:
                packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
                starts.append(float(packets[0].pts * packets[0].time_base))
        assert starts == pytest.approx([first["start_seconds"], second["start_seconds"]])
        assert second["start_seconds"] == pytest.approx(one["media_seconds"], abs=0.001)
        assert second["media_type"].startswith('video/mp4; codecs="avc1.')


async def test_media_say_where_they_belong(tmp_path: Path) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url, line(url, BINARY) as talk:
        await talk.say(QUESTION)
        await talk.until("response.done")
        position = 0
        for event in talk.of("binary"):
            assert event["start_ms"] == position
            position += event["duration_ms"]
        assert position == round(1000 * talk.of("response.done")[0]["response"]["avatar"]["media_seconds"])
        clauses = talk.of("response.output_audio_transcript.delta")
        assert [clause["start_ms"] for clause in clauses] == sorted(clause["start_ms"] for clause in clauses)
        assert "".join(clause["delta"] for clause in clauses) == REPLY


async def test_text_in_and_text_out_use_no_voice(tmp_path: Path) -> None:
    stages = FakeStages()
    async with served(realtime_app(stages, tmp_path)) as url, line(url, WRITTEN) as talk:
        content = [{"type": "input_text", "text": "Hello?"}]
        await talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await talk.send("response.create")
        done = await talk.until("response.done")
        assert "".join(event["delta"] for event in talk.of("response.output_text.delta")) == "".join(
            stages.reply_pieces
        )
        assert talk.of("response.output_text.done")[0]["text"] == "".join(stages.reply_pieces)
        assert done["response"]["output"][0]["content"][0]["type"] == "output_text"
        assert not stages.asked("speak") and not stages.asked("step")
        assert talk.of("response.content_part.added")[0]["part"] == {"type": "text", "text": ""}


async def test_sound_in_base64_is_the_same_as_binary(tmp_path: Path) -> None:
    stages = FakeStages()
    async with served(realtime_app(stages, tmp_path)) as url, line(url) as talk:
        await talk.say(QUESTION, base64_=True)
        await talk.until("response.done")
        (heard,) = (asked for asked in stages.asked("transcribe")[-1:])
        assert isinstance(heard, Utterance) and heard.pcm.rate_hz == 16_000
        assert 1.2 <= heard.pcm.seconds < 2.0


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
async def test_other_input_rates(tmp_path: Path, rate_hz: int) -> None:
    stages = FakeStages()
    session = {"audio": {"input": {"format": {"type": "audio/pcm", "rate": rate_hz}}}}
    async with served(realtime_app(stages, tmp_path)) as url, line(url, session) as talk:
        await talk.say(loud(1.2, rate_hz), quiet(0.8, rate_hz))
        await talk.until("response.done")
        heard = stages.asked("transcribe")[-1]
        assert isinstance(heard, Utterance) and 1.2 <= heard.pcm.seconds < 2.0


async def test_push_to_talk_answers_when_asked(tmp_path: Path) -> None:
    stages = FakeStages()
    async with served(realtime_app(stages, tmp_path)) as url, line(url, PUSH_TO_TALK) as talk:
        await talk.say(QUESTION)
        await talk.send("input_audio_buffer.commit")
        await talk.send("response.create")
        await talk.until("response.done")
        assert without_media(talk)[:4] == TURN[2:]
        assert without_media(talk)[4:6] == ANSWER_BEGINS[:2]
        (request,) = stages.asked("reply")
        assert isinstance(request, ReplyRequest) and request.messages == (Message("user", stages.heard),)
        await talk.send("input_audio_buffer.commit", event_id="mine")
        error = (await talk.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("bad_input", "mine"), "nothing was said since"


async def test_what_was_said_is_forgotten_on_clear(tmp_path: Path) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url, line(url, PUSH_TO_TALK) as talk:
        await talk.say(QUESTION)
        await talk.send("input_audio_buffer.clear")
        await talk.until("input_audio_buffer.cleared")
        await talk.send("input_audio_buffer.commit")
        assert (await talk.until("error"))["error"]["code"] == "bad_input"


async def test_the_history_goes_along_and_instructions_too(tmp_path: Path) -> None:
    stages = FakeStages(reply_pieces=("Yes, certainly so. ",))
    session = {"instructions": "You are a pirate.", "max_output_tokens": 50}
    async with served(realtime_app(stages, tmp_path)) as url, line(url, session) as talk:
        for _ in range(2):
            await talk.say(QUESTION)
            await talk.heard_out()
        await talk.send("response.create", response={"instructions": "Say goodbye.", "max_output_tokens": 9})
        await talk.until("response.done")
        first, second, third = (asked for asked in stages.asked("reply") if isinstance(asked, ReplyRequest))
        assert (first.instructions, first.max_tokens) == ("You are a pirate.", 50)
        assert second.messages == (
            Message("user", stages.heard),
            Message("assistant", "Yes, certainly so."),
            Message("user", stages.heard),
        )
        assert (third.instructions, third.max_tokens) == ("Say goodbye.", 9)
        assert third.messages[-1] == Message("user", "Say goodbye."), "nobody spoke: the instructions are the task"


async def test_a_response_out_of_band_leaves_no_trace(tmp_path: Path) -> None:
    stages = FakeStages()
    async with served(realtime_app(stages, tmp_path)) as url, line(url) as talk:
        given = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Sum up."}]}]
        asked = {"conversation": "none", "input": given, "output_modalities": ["text"], "metadata": {"a": "b"}}
        await talk.send("response.create", response=asked)
        done = (await talk.until("response.done"))["response"]
        assert (done["conversation_id"], done["metadata"], done["status"]) == (None, {"a": "b"}, "completed")
        assert not talk.of("conversation.item.added") and talk.of("response.output_item.added")
        request = stages.asked("reply")[-1]
        assert isinstance(request, ReplyRequest) and request.messages == (Message("user", "Sum up."),)
        await talk.say(QUESTION)
        await talk.until("response.done")
        request = stages.asked("reply")[-1]
        assert isinstance(request, ReplyRequest) and request.messages == (Message("user", stages.heard),)


async def test_a_noise_is_not_answered(tmp_path: Path) -> None:
    stages = FakeStages(heard="")
    async with served(realtime_app(stages, tmp_path)) as url, line(url) as talk:
        await talk.say(QUESTION)
        completed = await talk.until("conversation.item.input_audio_transcription.completed")
        assert completed["transcript"] == ""
        stages.heard = "What is the capital of France?"
        await talk.say(QUESTION)
        await talk.until("response.done")
        assert len(talk.of("response.created")) == 1
        request = stages.asked("reply")[-1]
        assert isinstance(request, ReplyRequest) and len(request.messages) == 1


async def test_recognition_that_fails_is_told_and_so_is_the_answer(tmp_path: Path) -> None:
    stages = FakeStages(errors={"transcribe": EngineFailed("The ear engine failed twice.")})
    async with served(realtime_app(stages, tmp_path)) as url, line(url) as talk:
        await talk.say(QUESTION)
        failed = await talk.until("conversation.item.input_audio_transcription.failed")
        assert failed["error"]["code"] == "engine_failed"
        done = (await talk.until("response.done"))["response"]
        assert (done["status"], done["status_details"]["error"]["code"]) == ("failed", "engine_failed")
        stages.errors.clear()
        await talk.say(QUESTION)
        assert (await talk.until("response.done"))["response"]["status"] == "completed"


async def test_a_voice_that_fails_half_way_fails_the_response_and_not_the_session(tmp_path: Path) -> None:
    stages = FakeStages(errors={"speak": EngineFailed("The voice engine failed twice.")})
    async with served(realtime_app(stages, tmp_path)) as url, line(url) as talk:
        await talk.say(QUESTION)
        assert (await talk.until("error"))["error"]["type"] == "server_error"
        done = (await talk.until("response.done"))["response"]
        assert (done["status"], done["status_details"]["error"]["code"]) == ("failed", "engine_failed")
        stages.errors.clear()
        await talk.say(QUESTION)
        assert (await talk.until("response.done"))["response"]["status"] == "completed"


async def test_words_are_written_down_while_they_are_spoken(tmp_path: Path) -> None:
    stages = FakeStages(heard="one two three four five")
    async with served(realtime_app(stages, tmp_path)) as url, line(url) as talk:
        for _ in range(45):
            await talk.say(loud(0.1))
        await talk.say(quiet(0.8))
        completed = await talk.until("conversation.item.input_audio_transcription.completed")
        deltas = talk.of("conversation.item.input_audio_transcription.delta")
        assert deltas and "".join(delta["delta"] for delta in deltas) == completed["transcript"]
        assert {delta["item_id"] for delta in deltas} == {completed["item_id"]}
        assert talk.events.index(deltas[0]) < talk.kinds().index("input_audio_buffer.speech_stopped")


async def test_the_language_that_was_set_is_spoken(tmp_path: Path) -> None:
    stages = FakeStages()
    session = {"avatar": {"language": "es"}, "audio": {"output": {"voice": "ef_dora", "speed": 1.2}}}
    async with served(realtime_app(stages, tmp_path)) as url, line(url, session) as talk:
        await talk.say(QUESTION)
        await talk.until("response.done")
        heard, asked, said = (stages.asked(verb)[-1] for verb in ("transcribe", "reply", "speak"))
        assert isinstance(heard, Utterance) and isinstance(asked, ReplyRequest) and isinstance(said, SpeechRequest)
        assert heard.language == asked.language == said.language == "es"
        assert (said.voice_id, said.speed) == ("ef_dora", 1.2)


async def test_items_can_be_made_seen_and_deleted(tmp_path: Path) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url, line(url, WRITTEN) as talk:

        def message(role: str, text: str, id: str) -> dict[str, object]:
            kind = "output_text" if role == "assistant" else "input_text"
            return {"id": id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}

        await talk.send("conversation.item.create", item=message("user", "two", "b"))
        await talk.send("conversation.item.create", item=message("system", "zero", "a"), previous_item_id="root")
        await talk.send("conversation.item.create", item=message("assistant", "one", "x"), previous_item_id="a")
        await talk.send("conversation.item.create", item=message("user", "?", "b"))
        assert (await talk.until("error"))["error"]["param"] == "item.id"
        before = [(event["previous_item_id"], event["item"]["id"]) for event in talk.of("conversation.item.added")]
        assert before == [(None, "b"), (None, "a"), ("a", "x")]
        await talk.send("conversation.item.retrieve", item_id="x")
        retrieved = await talk.until("conversation.item.retrieved")
        assert retrieved["item"]["content"] == [{"type": "output_text", "text": "one"}]
        await talk.send("conversation.item.delete", item_id="x")
        await talk.until("conversation.item.deleted")
        await talk.send("conversation.item.retrieve", item_id="x", event_id="gone")
        error = (await talk.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("not_found", "gone")


async def test_a_spoken_item_can_be_made(tmp_path: Path) -> None:
    stages = FakeStages()
    async with served(realtime_app(stages, tmp_path)) as url, line(url, WRITTEN) as talk:
        audio = base64.b64encode(loud(1.0)).decode()
        item = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]}
        await talk.send("conversation.item.create", item=item)
        await talk.send("response.create")
        done = await talk.until("conversation.item.done")
        assert done["item"]["content"][0]["transcript"] == stages.heard
        await talk.until("response.done")
        request = stages.asked("reply")[-1]
        assert isinstance(request, ReplyRequest) and request.messages[-1].content == stages.heard
