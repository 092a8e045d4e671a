"""How a session is set, refused, limited, left and taken up again."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from deployments.contracts import ReplyRequest
from serve_app.coordinator.desks import desks_in_memory
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.settings import GatewaySettings
from serve_app.jobs.settings import JobSettings
from serve_app.realtime.settings import RealtimeSettings
from tests.door.realtime_line import (
    BINARY,
    PUSH_TO_TALK,
    QUESTION,
    WRITTEN,
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

LONG = tuple("Six seven eight nine ten eleven. " for _ in range(40))


def resuming(url: str, talk: Line) -> str:
    session = talk.of("session.created")[0]["session"]
    return f"{url}?session_id={session['id']}&resume_token={session['avatar']['resume_token']}"


async def test_the_first_message_says_who_and_how(tmp_path: Path) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url, line(url + "?model=gpt-realtime") as talk:
        session = talk.events[0]["session"]
        assert session["id"].startswith("sess_") and session["object"] == "realtime.session"
        assert (session["type"], session["model"], session["output_modalities"]) == (
            "realtime",
            "gpt-realtime",
            ["audio"],
        )
        assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
        assert session["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24_000}
        avatar = session["avatar"]
        assert (avatar["id"], avatar["video"], avatar["resumed"]) == ("grace_hopper", False, False)
        assert avatar["frame_size"] == [48, 64] and avatar["resume_token"]
        assert session["tools"] == [] and session["expires_at"] > 0
        await asyncio.sleep(0.3)
        assert talk.kinds() == ["session.created"], "an idle socket says nothing"


async def test_an_update_changes_what_it_names_and_no_more(tmp_path: Path) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url, line(url) as talk:
        turns = {"type": "server_vad", "silence_duration_ms": 700}
        await talk.send("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": turns}}})
        updated = (await talk.until("session.updated"))["session"]
        assert updated["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 700
        assert updated["audio"]["input"]["turn_detection"]["prefix_padding_ms"] == 300
        harmless: dict[str, Any] = {"tools": [], "tool_choice": "auto", "tracing": None, "truncation": "auto"}
        await talk.send("session.update", session={**harmless, "include": None, "avatar": {"video": True}})
        updated = (await talk.until("session.updated"))["session"]
        assert updated["avatar"]["video"] and updated["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 700


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"tools": [{"type": "function", "name": "f"}]}, "unsupported", "session.tools"),
        ({"temperature": 0.8}, "unsupported", "session.temperature"),
        ({"output_modalities": ["text", "audio"]}, "unsupported", "session.output_modalities"),
        (
            {"audio": {"input": {"noise_reduction": {"type": "near_field"}}}},
            "unsupported",
            "session.audio.input.noise_reduction",
        ),
        ({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, "unsupported", "session.audio.input.format.type"),
        (
            {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
            "unsupported",
            "session.audio.input.turn_detection.type",
        ),
        (
            {"audio": {"input": {"turn_detection": {"silence_duration_ms": 50}}}},
            "invalid_field",
            "session.audio.input.turn_detection.silence_duration_ms",
        ),
        ({"audio": {"output": {"speed": 9}}}, "invalid_field", "session.audio.output.speed"),
        ({"audio": {"output": {"voice": "nobody"}}}, "not_found", "session.audio.output.voice"),
        ({"avatar": {"id": "nobody"}}, "not_found", "session.avatar.id"),
        ({"avatar": {"language": "fr"}}, "unsupported", "session.avatar.language"),
        ({"model": "another"}, "unsupported", "session.model"),
        ({"instructions": "x" * 5000}, "too_large", None),
        ({"tracing": "auto"}, "unsupported", "session.tracing"),
    ],
)
async def test_what_is_not_offered_is_refused_by_name_and_changes_nothing(
    tmp_path: Path, session: dict[str, Any], code: str, param: str | None
) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url, line(url) as talk:
        await talk.send("session.update", event_id="mine", session={"instructions": "Be brief.", **session})
        error = (await talk.until("error"))["error"]
        assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
        assert error["event_id"] == "mine" and error["message"]
        await talk.send("session.update", session={})
        assert (await talk.until("session.updated"))["session"]["instructions"] is None


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ('{"type": "response.create", "response": {"x": NaN}}', "invalid_json"),
        ('{"type": "dance"}', "unsupported"),
        ('{"event_id": "x"}', "unsupported"),
        ('{"type": "input_audio_buffer.append", "audio": "?"}', "invalid_field"),
        ('{"type": "input_audio_buffer.append", "audio": "AAA="}', None),
        ('{"type": "input_audio_buffer.append", "audio": "AA=="}', "invalid_field"),
        ('{"type": "input_audio_buffer.append"}', "invalid_field"),
        ('{"type": "conversation.item.create", "item": {"type": "function_call_output"}}', "unsupported"),
        ('{"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": []}}', None),
        ('{"type": "response.create", "response": {"tools": [{}]}}', "unsupported"),
        ('{"type": "avatar.playback", "response_id": "x", "played_ms": -1}', "invalid_field"),
        (b"\x00", "bad_input"),
    ],
)
async def test_nonsense_gets_an_error_and_the_session_lives(
    tmp_path: Path, message: str | bytes, code: str | None
) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url, line(url) as talk:
        await talk.socket.send(message)
        if code is not None:
            assert (await talk.until("error"))["error"]["code"] == code
        await talk.send("session.update", session={})
        await talk.until("session.updated")


async def test_a_returning_client_goes_on_even_on_another_gateway(tmp_path: Path) -> None:
    coordination = desks_in_memory(CoordinatorSettings(), JobSettings())
    stages = FakeStages(reply_pieces=("One two three four five. ",))
    one = realtime_app(stages, tmp_path / "one", coordination=coordination)
    other = realtime_app(stages, tmp_path / "other", coordination=coordination)
    async with served(one) as url, served(other) as other_url:
        async with line(url, {**BINARY, "instructions": "Be brief."}) as talk:
            await talk.say(QUESTION)
            await talk.heard_out()
            await talk.send("session.update", session={})
            await talk.until("session.updated")
        address = resuming(other_url, talk)
        async with line(address) as again:
            session = again.events[0]["session"]
            assert session["avatar"]["resumed"] and session["id"] == talk.events[0]["session"]["id"]
            assert session["instructions"] == "Be brief." and session["avatar"]["binary"]
            await again.say(QUESTION)
            await again.until("response.done")
            shown = [event["item"]["content"][0]["transcript"] for event in again.of("conversation.item.done")[:2]]
            assert shown == [stages.heard, "One two three four five."]
            request = stages.asked("reply")[-1]
            assert isinstance(request, ReplyRequest) and len(request.messages) == 3
            before = talk.of("response.created")[0]["response"]["avatar"]
            after = again.of("response.created")[0]["response"]["avatar"]
            assert after["start_seconds"] > before["start_seconds"] and after["number"] > before["number"]


async def test_a_wrong_token_gets_nothing(tmp_path: Path) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url:
        async with line(url) as talk:
            pass
        async with line(resuming(url, talk) + "x", greeted=False) as again:
            assert (await again.end())[0] == 4404
            assert again.events[-1]["error"]["code"] == "not_found"


async def test_who_says_goodbye_is_forgotten(tmp_path: Path) -> None:
    async with served(realtime_app(FakeStages(), tmp_path)) as url:
        async with line(url) as talk:
            await talk.socket.close(1000)
        async with line(resuming(url, talk), greeted=False) as again:
            assert (await again.end())[0] == 4404


@pytest.mark.parametrize("same_gateway", [True, False])
async def test_a_newer_connection_takes_over(tmp_path: Path, same_gateway: bool) -> None:
    coordination = desks_in_memory(CoordinatorSettings(), JobSettings())
    one = realtime_app(FakeStages(), tmp_path / "one", coordination=coordination)
    other = realtime_app(FakeStages(), tmp_path / "other", coordination=coordination)
    async with served(one) as url, served(other) as other_url, line(url, PUSH_TO_TALK) as old:
        await asyncio.sleep(0.3)  # sessions are saved in the background
        address = resuming(url if same_gateway else other_url, old)
        async with line(address) as new:
            if not same_gateway:
                await old.send("session.update", session={"instructions": "I am still here."})
            assert (await old.end())[0] == 4409
            assert new.events[0]["session"]["avatar"]["resumed"]
            assert new.events[0]["session"]["audio"]["input"]["turn_detection"] is None
            await new.send("session.update", session={})
            assert (await new.until("session.updated"))["session"]["instructions"] is None


async def test_an_answer_cut_off_by_a_lost_line_is_kept_as_far_as_it_was_heard(tmp_path: Path) -> None:
    stages = FakeStages(reply_pieces=LONG)
    async with served(realtime_app(stages, tmp_path)) as url:
        async with line(url, BINARY) as talk:
            await talk.say(QUESTION)
            created = await talk.until("response.created")
            await talk.until("binary", lambda event: event["start_ms"] > 1000)
            await talk.send("avatar.playback", response_id=created["response"]["id"], played_ms=1300, stalled=True)
            await talk.send("session.update", session={})
            await talk.until("session.updated")
        async with line(resuming(url, talk)) as again:
            await again.until("conversation.item.done", lambda event: event["item"]["role"] == "assistant")
            item = again.of("conversation.item.done")[1]["item"]
            assert (item["status"], item["content"][0]["transcript"]) == ("incomplete", "Six seven eight nine")
        assert stages.running == 0


async def test_people_beyond_capacity_wait_and_are_told(tmp_path: Path) -> None:
    stages = FakeStages(reply_pieces=("Yes. ",), delays={"speak": 0.4})
    app = realtime_app(stages, tmp_path, people=1, max_waiting=1, poll_seconds=0.1)
    async with served(app) as url, line(url) as first, line(url) as second, line(url) as third:
        await first.say(QUESTION)
        await first.until("response.created")
        await second.say(QUESTION)
        queue = await second.until("avatar.queue")
        assert queue["position"] == 1 and queue["wait_seconds"] >= 0
        await third.say(QUESTION)
        error = (await third.until("error"))["error"]
        assert error["code"] == "at_capacity" and error["retry_after_seconds"] >= 1
        assert (await third.until("response.done"))["response"]["status"] == "failed"
        assert (await second.until("response.done"))["response"]["status"] == "completed"
        kinds = second.kinds()
        assert kinds.index("conversation.item.input_audio_transcription.completed") < kinds.index("avatar.queue")
        assert kinds.index("avatar.queue") < kinds.index("response.created")


async def test_more_sockets_than_may_be_are_told_and_closed(tmp_path: Path) -> None:
    app = realtime_app(FakeStages(), tmp_path, RealtimeSettings(max_sessions=1))
    async with served(app) as url:
        async with line(url), line(url, greeted=False) as second:
            assert (await second.end())[0] == 1013
            assert second.events[0]["error"]["code"] == "at_capacity"
        await asyncio.sleep(0.1)
        async with line(url):
            pass


async def test_a_connection_has_an_end_and_the_session_goes_on(tmp_path: Path) -> None:
    app = realtime_app(FakeStages(), tmp_path, RealtimeSettings(max_session_seconds=0.8))
    async with served(app) as url:
        async with line(url) as talk:
            assert (await talk.end())[0] == 4408
            assert talk.events[-1]["error"]["code"] == "session_expired"
        async with line(resuming(url, talk)) as again:
            assert again.events[0]["session"]["avatar"]["resumed"]


async def test_messages_too_big_or_too_many_close(tmp_path: Path) -> None:
    settings = RealtimeSettings(max_message_bytes=1024)
    async with served(realtime_app(FakeStages(), tmp_path / "one", settings)) as url, line(url) as talk:
        await talk.socket.send(bytes(1026))
        assert (await talk.end())[0] == 1009
    settings = RealtimeSettings(max_backlog_bytes=100_000)
    stages = FakeStages(delays={"voices": 0.5})
    async with served(realtime_app(stages, tmp_path / "two", settings)) as url, line(url) as talk:
        for _ in range(8):
            await talk.socket.send(bytes(48_000))
        assert (await talk.end())[0] == 1009


async def test_a_client_with_media_that_falls_silent_is_closed(tmp_path: Path) -> None:
    app = realtime_app(FakeStages(reply_pieces=LONG), tmp_path, RealtimeSettings(stall_seconds=0.6))
    async with served(app) as url, line(url, BINARY) as talk:
        await talk.say(QUESTION)
        created = await talk.until("response.created")
        await talk.send("avatar.playback", response_id=created["response"]["id"], played_ms=0)
        assert (await talk.end())[0] == 4410
        assert talk.events[-1]["error"]["code"] == "stalled"


async def test_a_client_that_pauses_for_too_long_is_closed_though_it_says_so(tmp_path: Path) -> None:
    settings = RealtimeSettings(stall_seconds=0.6, pause_seconds=1.5)
    app = realtime_app(FakeStages(reply_pieces=LONG), tmp_path, settings)
    async with served(app) as url, line(url, BINARY) as talk:
        await talk.say(QUESTION)
        created = await talk.until("response.created")
        begun = asyncio.get_running_loop().time()
        while talk.closed is None and asyncio.get_running_loop().time() < begun + 5:
            await talk.socket.send(
                json.dumps(
                    {
                        "type": "avatar.playback",
                        "response_id": created["response"]["id"],
                        "played_ms": 200,
                        "stalled": True,
                    }
                )
            )
            await asyncio.sleep(0.1)
        assert talk.closed is not None and talk.closed[0] == 4410
        assert asyncio.get_running_loop().time() - begun > 1.2
        assert sum(event["duration_ms"] for event in talk.of("binary")) < 8000, "and got no more than a few seconds"


async def test_a_client_that_takes_nothing_costs_little_and_is_closed(tmp_path: Path) -> None:
    stages = FakeStages()
    stages.animator.frame_size = (48, 64)
    settings = RealtimeSettings(stall_seconds=1.0, send_queue_bytes=20_000, max_text_characters=400_000)
    app = realtime_app(stages, tmp_path, settings)
    async with served(app) as url, connect(url, max_queue=1, compression=None) as socket:
        text = "x" * 390_000
        item = {"id": "a", "type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
        await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
        for _ in range(200):
            await socket.send(json.dumps({"type": "conversation.item.retrieve", "item_id": "a"}))
        await asyncio.sleep(3)
        with pytest.raises(Exception, match=r"."):
            async with asyncio.timeout(5):
                while True:
                    await socket.recv()
        assert socket.close_code in (4410, 1006)
    assert stages.running == 0


async def test_keys_are_asked_for(tmp_path: Path) -> None:
    gateway = GatewaySettings(prepare_idle=False, api_key="secret")  # type: ignore[arg-type]
    async with served(realtime_app(FakeStages(), tmp_path, gateway=gateway)) as url:
        async with line(url, greeted=False) as talk:
            assert (await talk.end())[0] == 4401
            assert talk.events[0]["type"] == "error"
        async with line(url, WRITTEN, additional_headers={"Authorization": "Bearer secret"}):
            pass
        protocols = ["realtime", "openai-insecure-api-key.secret"]
        async with line(url, WRITTEN, subprotocols=protocols) as talk:
            assert talk.socket.subprotocol == "realtime"


async def test_a_gateway_that_is_to_be_replaced_lets_go_of_those_who_are_silent(tmp_path: Path) -> None:
    app = realtime_app(FakeStages(), tmp_path)
    async with served(app) as url, line(url, WRITTEN) as silent, line(url) as talking:
        await talking.say(loud(1.5))
        await talking.until("input_audio_buffer.speech_started")
        app.state.sockets.drain(True)
        assert (await silent.end())[0] == 1012
        assert silent.of("error")[-1]["error"]["code"] == "server_restart"
        async with line(url, greeted=False) as late:
            assert (await late.end())[0] == 1012
        await talking.say(quiet(0.8))
        assert (await talking.until("response.done"))["response"]["status"] == "completed", "was heard out"
        assert (await talking.end())[0] == 1012
        app.state.sockets.drain(False)
        created = silent.events[0]["session"]
        back = f"{url}?session_id={created['id']}&resume_token={created['avatar']['resume_token']}"
        async with line(back) as again:
            assert again.events[0]["session"]["avatar"]["resumed"]
