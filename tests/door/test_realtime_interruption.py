"""Who speaks when: answers begun on speculation, interrupted, cancelled, and what is remembered of them."""

import asyncio
from pathlib import Path

import pytest

from deployments.contracts import Message, ReplyRequest
from serve_app.realtime.settings import RealtimeSettings
from tests.door.realtime_line import (
    BINARY,
    PUSH_TO_TALK,
    QUESTION,
    Line,
    line,
    loud,
    loud_ears,
    quiet,
    realtime_app,
    served,
)
from tests.fakes.stages import FakeStages

pytestmark = pytest.mark.usefixtures("loud_ears")
__all__ = ["loud_ears"]

LONG = ("One two three four five. ", *("Six seven eight nine ten eleven. " for _ in range(20)))
MEDIA = ("response.output_audio.delta", "binary")


async def all_quiet(stages: FakeStages) -> None:
    async with asyncio.timeout(5):
        while stages.running:
            await asyncio.sleep(0.01)


async def history_of(talk: Line, stages: FakeStages) -> tuple[Message, ...]:
    """What the model reads of the conversation."""
    await talk.send("response.create", response={"output_modalities": ["text"], "instructions": "Go on."})
    await talk.until("response.done")
    request = stages.asked("reply")[-1]
    assert isinstance(request, ReplyRequest)
    return request.messages[:-1]


@pytest.mark.parametrize("session", [None, BINARY])
async def test_speech_stops_the_answer_which_is_remembered_as_far_as_it_was_heard(
    tmp_path: Path, session: dict[str, object] | None
) -> None:
    stages = FakeStages(reply_pieces=LONG)
    async with served(realtime_app(stages, tmp_path)) as url, line(url, session) as talk:
        await talk.say(QUESTION)
        created = await talk.until("response.created")
        await talk.until("response.output_audio_transcript.delta", lambda event: event["start_ms"] > 1000)
        await talk.send("avatar.playback", response_id=created["response"]["id"], played_ms=900, stalled=True)
        stages.reply_pieces = ("Fine. ",)
        await talk.say(loud(0.6))
        done = (await talk.until("response.done"))["response"]
        assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "turn_detected")
        kinds = talk.kinds()
        last_started = len(kinds) - 1 - kinds[::-1].index("input_audio_buffer.speech_started")
        assert not [kind for kind in kinds[last_started:] if kind in MEDIA], "no media after the interruption"
        assert kinds[last_started + 1 :][0].startswith("response.output_audio.done")
        said = done["output"][0]
        assert (said["status"], said["content"][0]["transcript"]) == ("incomplete", "One two three")
        await all_quiet(stages)
        await talk.say(quiet(0.8))
        await talk.heard_out()
        assert [(message.role, message.content) for message in await history_of(talk, stages)] == [
            ("user", stages.heard),
            ("assistant", "One two three"),
            ("user", stages.heard),
            ("assistant", "Fine."),
        ]
        numbers = {event["response"]["avatar"]["number"] for event in talk.of("response.created")}
        assert len(numbers) == 3


async def test_the_timeline_goes_on_behind_what_was_broken_off(tmp_path: Path) -> None:
    stages = FakeStages(reply_pieces=LONG)
    async with served(realtime_app(stages, tmp_path)) as url, line(url, BINARY) as talk:
        await talk.say(QUESTION)
        await talk.until("binary", lambda event: event["start_ms"] > 1000)
        stages.reply_pieces = ("Fine. ",)
        await talk.say(QUESTION)
        await talk.until("response.done")
        await talk.until("response.done")
        first = [event for event in talk.of("binary") if event["number"] == talk.of("binary")[0]["number"]]
        sent = (first[-1]["start_ms"] + first[-1]["duration_ms"]) / 1000
        assert talk.of("response.created")[1]["response"]["avatar"]["start_seconds"] >= sent


async def test_an_answer_that_was_all_sent_is_cut_while_it_is_played(tmp_path: Path) -> None:
    stages = FakeStages(reply_pieces=("One two three four five. ",))
    async with served(realtime_app(stages, tmp_path)) as url, line(url) as talk:
        await talk.say(QUESTION)
        done = (await talk.until("response.done"))["response"]
        await talk.send("avatar.playback", response_id=done["id"], played_ms=700, stalled=True)
        await talk.say(loud(0.6))
        truncated = await talk.until("conversation.item.truncated")
        assert (truncated["item_id"], truncated["audio_end_ms"]) == (done["output"][0]["id"], 700)
        await talk.send("conversation.item.truncate", item_id=truncated["item_id"], content_index=0, audio_end_ms=950)
        await talk.until("conversation.item.truncated")
        await talk.say(quiet(0.8))
        await talk.heard_out()
        assert (await history_of(talk, stages))[1].content == "One two three"


async def test_without_interrupt_response_speech_does_not_stop_the_answer(tmp_path: Path) -> None:
    stages = FakeStages(reply_pieces=("One two three four five. ", "Six seven. "), delays={"speak": 0.2})
    session = {"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}}
    async with served(realtime_app(stages, tmp_path)) as url, line(url, session) as talk:
        await talk.say(QUESTION)
        await talk.until("response.created")
        await talk.say(QUESTION)
        assert (await talk.until("error"))["error"]["code"] == "conversation_already_has_active_response"
        assert (await talk.until("response.done"))["response"]["status"] == "completed"


async def test_without_create_response_turns_become_items_only(tmp_path: Path) -> None:
    stages = FakeStages()
    session = {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}}
    async with served(realtime_app(stages, tmp_path)) as url, line(url, session) as talk:
        await talk.say(QUESTION)
        await talk.until("conversation.item.input_audio_transcription.completed")
        await asyncio.sleep(0.1)
        assert not talk.of("response.created") and not stages.asked("reply")
        await talk.send("response.create")
        await talk.until("response.done")
        request = stages.asked("reply")[-1]
        assert isinstance(request, ReplyRequest) and request.messages == (Message("user", stages.heard),)


async def test_an_answer_begun_in_a_pause_is_held_back_until_the_turn_is_over(tmp_path: Path) -> None:
    stages = FakeStages()
    async with served(realtime_app(stages, tmp_path)) as url, line(url, BINARY) as talk:
        await talk.say(loud(1.2), quiet(0.3))
        async with asyncio.timeout(5):
            while not stages.asked("step"):
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert talk.kinds()[2:] == ["input_audio_buffer.speech_started"], "made, and not told"
        await talk.say(quiet(0.5))
        await talk.until("response.done")
        assert talk.kinds()[3] == "input_audio_buffer.speech_stopped"
        assert len(stages.asked("reply")) == 1 and len(stages.asked("transcribe")) <= 2


async def test_what_is_held_back_is_bounded_and_its_playback_does_not_run(tmp_path: Path) -> None:
    stages = FakeStages(reply_pieces=LONG)
    session = {"avatar": {"video": True}, "audio": {"input": {"turn_detection": {"silence_duration_ms": 2000}}}}
    settings = RealtimeSettings(idle_gap_seconds=30)
    async with served(realtime_app(stages, tmp_path, settings)) as url, line(url, session) as talk:
        await talk.say(loud(1.2), quiet(0.5))
        await asyncio.sleep(1.5)
        steps = len(stages.asked("step"))
        assert 5 < steps < 30, "a few seconds of media, and then it waits"
        await talk.say(quiet(2.0))
        await talk.until("response.output_video.delta", lambda event: event["start_ms"] >= 3000)
        first = talk.of("response.output_video.delta")[0]
        assert first["start_ms"] == 0


async def test_speech_that_goes_on_withdraws_the_answer_and_nobody_learns_of_it(tmp_path: Path) -> None:
    stages = FakeStages(delays={"reply_piece": 0.1})
    settings = RealtimeSettings(partials=False)
    async with served(realtime_app(stages, tmp_path, settings)) as url, line(url) as talk:
        await talk.say(loud(1.2), quiet(0.3))
        async with asyncio.timeout(5):
            while not stages.asked("reply"):
                await asyncio.sleep(0.01)
        stages.heard = "What is the capital of France, and of Spain?"
        await talk.say(loud(0.6))
        await all_quiet(stages)
        await asyncio.sleep(0.1)
        assert talk.kinds()[1:] == ["input_audio_buffer.speech_started"]
        await talk.say(quiet(0.8))
        await talk.until("response.done")
        assert len(talk.of("response.created")) == 1
        request = stages.asked("reply")[-1]
        assert isinstance(request, ReplyRequest) and request.messages == (Message("user", stages.heard),)


async def test_speaking_again_before_the_answer_begins_asks_both_questions(tmp_path: Path) -> None:
    stages = FakeStages(delays={"transcribe": 0.15})
    settings = RealtimeSettings(partials=False)
    async with served(realtime_app(stages, tmp_path, settings)) as url, line(url) as talk:
        await talk.say(QUESTION, loud(0.8))
        await talk.say(quiet(0.8))
        done = await talk.until("response.done")
        assert done["response"]["status"] == "completed"
        request = stages.asked("reply")[-1]
        assert isinstance(request, ReplyRequest) and [message.role for message in request.messages] == ["user", "user"]
        assert len(talk.of("response.created")) == 1


async def test_a_client_may_cancel(tmp_path: Path) -> None:
    stages = FakeStages(reply_pieces=LONG)
    async with served(realtime_app(stages, tmp_path)) as url, line(url, PUSH_TO_TALK) as talk:
        await talk.send("response.cancel")
        assert (await talk.until("error"))["error"]["code"] == "response_cancel_not_active"
        await talk.send("response.create", response={"instructions": "Count."})
        await talk.until("response.output_audio.delta")
        await talk.send("response.create", response={"instructions": "Count."})
        assert (await talk.until("error"))["error"]["code"] == "conversation_already_has_active_response"
        await talk.send("response.cancel")
        done = (await talk.until("response.done"))["response"]
        assert (done["status"], done["status_details"]["reason"]) == ("cancelled", "client_cancelled")
        await all_quiet(stages)
        assert talk.kinds()[-1] == "response.done", "nothing of an old response after its end"
        stages.reply_pieces = ("Fine. ",)
        await talk.send("response.create", response={"instructions": "Count."})
        assert (await talk.until("response.done"))["response"]["status"] == "completed"


async def test_clearing_the_output_cancels_and_says_so(tmp_path: Path) -> None:
    stages = FakeStages(reply_pieces=LONG)
    async with served(realtime_app(stages, tmp_path)) as url, line(url, BINARY) as talk:
        await talk.say(QUESTION)
        created = await talk.until("response.created")
        await talk.until("binary")
        await talk.send("output_audio_buffer.clear")
        assert (await talk.until("response.done"))["response"]["status"] == "cancelled"
        assert (await talk.until("output_audio_buffer.cleared"))["response_id"] == created["response"]["id"]
        await all_quiet(stages)


async def test_truncation_has_limits(tmp_path: Path) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url, line(url) as talk:
        await talk.say(QUESTION)
        await talk.heard_out()
        item = talk.of("response.done")[0]["response"]["output"][0]
        user = talk.of("input_audio_buffer.committed")[0]["item_id"]
        for fields, code in (
            ({"item_id": item["id"], "content_index": 0, "audio_end_ms": 60_000}, "invalid_field"),
            ({"item_id": item["id"], "content_index": 1, "audio_end_ms": 100}, "unsupported"),
            ({"item_id": user, "content_index": 0, "audio_end_ms": 100}, "invalid_field"),
            ({"item_id": "nobody", "content_index": 0, "audio_end_ms": 100}, "not_found"),
        ):
            await talk.send("conversation.item.truncate", **fields)
            assert (await talk.until("error"))["error"]["code"] == code


async def test_hanging_up_at_any_moment_leaves_nothing_running(tmp_path: Path) -> None:
    stages = FakeStages(reply_pieces=LONG, delays={"transcribe": 0.05, "reply_piece": 0.02, "speak_piece": 0.02})
    app = realtime_app(stages, tmp_path, people=1)
    async with served(app) as url:
        for delay in (0.0, 0.02, 0.06, 0.1, 0.15, 0.3):
            async with line(url, BINARY) as talk:
                await talk.say(QUESTION)
                await asyncio.sleep(delay)
            await all_quiet(stages)
        stages.reply_pieces = ("Fine. ",)
        async with line(url, BINARY) as talk:
            await talk.say(QUESTION)
            assert (await talk.until("response.done"))["response"]["status"] == "completed"
            assert not talk.of("avatar.queue"), "the place was given back"
