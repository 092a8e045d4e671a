"""The client's conversation over a socket, against a scripted server."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from deployments.errors import AtCapacity, AvatarError, EngineFailed, NotFound
from serve_app.client import (
    AnswerBegun,
    AnswerDone,
    AsyncAvatarClient,
    Caption,
    HeardAll,
    ItemDone,
    MediaPiece,
    Queued,
    RealtimeConversation,
    RealtimeEvent,
    Refusal,
    SessionClosed,
    SpeechStarted,
    Ticket,
)
from serve_app.client.failures import Refused, Unreachable
from tests.fakes.realtime_server import FakeRealtimeServer


@pytest.fixture
def server() -> FakeRealtimeServer:
    return FakeRealtimeServer()


@pytest.fixture
async def client(server: FakeRealtimeServer) -> AsyncIterator[AsyncAvatarClient]:
    async with server.running() as url, AsyncAvatarClient(url, api_key="key-1") as client:
        yield client


async def until(talk: RealtimeConversation, kind: type[RealtimeEvent]) -> list[RealtimeEvent]:
    found: list[RealtimeEvent] = []
    while not found or not isinstance(found[-1], kind):
        found.append(await asyncio.wait_for(anext(talk), 5))
    return found


async def test_a_typed_turn_with_video(server: FakeRealtimeServer, client: AsyncAvatarClient) -> None:
    async with client.realtime(video=True, avatar="astronaut", language="en") as talk:
        assert talk.ticket == Ticket("sess_1", "secret") and not talk.resumed
        await talk.say("Hello.")
        events = await until(talk, AnswerDone)
    media = [event for event in events if isinstance(event, MediaPiece)]
    assert [(piece.response_id, piece.start_ms, piece.data) for piece in media] == [
        ("resp_1", 0, b"mp4"),
        ("resp_1", 200, b"mp4"),
        ("resp_1", 400, b"mp4"),
    ]
    assert "".join(event.text for event in events if isinstance(event, Caption)) == "word word word "
    begun = next(event for event in events if isinstance(event, AnswerBegun))
    assert (begun.response_id, begun.number) == ("resp_1", 1)
    done = events[-1]
    assert isinstance(done, AnswerDone) and (done.status, done.timings) == ("completed", {"total": 1.0})
    assert all(0 < time.perf_counter() - event.received_at < 5 for event in events)
    assert server.headers[0]["authorization"] == "Bearer key-1"
    (update,) = server.of("session.update")
    face = {"id": "astronaut", "video": True, "binary": True, "language": "en"}
    assert update["session"] == {"type": "realtime", "avatar": face}
    assert server.of("conversation.item.create")[0]["item"]["content"][0]["text"] == "Hello."


async def test_playback_is_reported_until_its_end(server: FakeRealtimeServer, client: AsyncAvatarClient) -> None:
    server.pieces = 5
    async with client.realtime(video=True) as talk:
        await talk.say("Hello.")
        await until(talk, AnswerDone)
        await talk.played_out()
        await asyncio.sleep(0.15)
        reports = server.of("avatar.playback")
        await asyncio.sleep(0.4)
        assert len(server.of("avatar.playback")) == len(reports), "an idle socket sends nothing"
    played = [report["played_ms"] for report in reports]
    assert played == sorted(played) and played[-1] == 1000 and len(played) >= 4
    assert talk.player.stalls == []


async def test_late_media_are_reported_as_a_stall(server: FakeRealtimeServer, client: AsyncAvatarClient) -> None:
    server.pieces, server.pace = 2, 0.5
    async with client.realtime(video=True) as talk:
        await talk.say("Hello.")
        await until(talk, AnswerDone)
    (stall,) = talk.player.stalls
    assert stall.at_ms == 200 and 0.1 < stall.seconds < 1
    stalled = [report["stalled"] for report in server.of("avatar.playback")]
    assert 1 <= stalled.count(True) <= 4, "a stall is told, not shouted"


async def test_speech_goes_out_as_a_microphone_gives_it(server: FakeRealtimeServer, client: AsyncAvatarClient) -> None:
    async with client.realtime(rate_hz=16_000, turn_detection=None) as talk:
        assert talk.rate_hz == 16_000
        start = time.perf_counter()
        begun = await talk.speak(bytes(range(200)) * 48, chunk_seconds=0.04)
        assert 0.3 <= time.perf_counter() - begun < 1.5 and begun >= start
        await talk.commit()
        await until(talk, AnswerDone)
    assert server.sound == bytes(range(200)) * 48
    assert max(len(chunk) for chunk in server.received if isinstance(chunk, bytes)) == 2 * 640
    assert [event["type"] for event in server.received if isinstance(event, dict)][1:3] == [
        "input_audio_buffer.commit",
        "response.create",
    ]


async def test_the_person_interrupts_by_speaking(server: FakeRealtimeServer, client: AsyncAvatarClient) -> None:
    server.pieces = 10
    async with client.realtime(video=True) as talk:
        await talk.say("Hello.")
        await until(talk, AnswerDone)
        await asyncio.sleep(0.3)
        await server.tell("input_audio_buffer.speech_started", item_id="item_9", audio_start_ms=10)
        await until(talk, SpeechStarted)
        assert talk.player.remaining_seconds() == 0
        await talk.say("And now?")
        await until(talk, AnswerDone)
    (cut,) = server.of("conversation.item.truncate")
    assert cut["item_id"] == "item_1" and 200 < cut["audio_end_ms"] < 1000
    told = [report for report in server.of("avatar.playback") if report["response_id"] == "resp_1"]
    assert told[-1]["played_ms"] == cut["audio_end_ms"]


async def test_the_program_interrupts(server: FakeRealtimeServer, client: AsyncAvatarClient) -> None:
    server.pieces, server.pace = 50, 0.1
    async with client.realtime(video=True) as talk:
        await talk.say("Hello.")
        await until(talk, MediaPiece)
        await talk.interrupt()
        done = (await until(talk, AnswerDone))[-1]
        await talk.send("response.create")
        await until(talk, MediaPiece)
    assert isinstance(done, AnswerDone) and (done.status, done.reason) == ("cancelled", "client_cancelled")
    kinds = [event["type"] for event in server.received if isinstance(event, dict)]
    clear = kinds.index("output_audio_buffer.clear")
    assert kinds[clear - 1] == "avatar.playback", "the server is told first what was heard"
    assert server.of("conversation.item.truncate") == []


async def test_sound_alone(server: FakeRealtimeServer, client: AsyncAvatarClient) -> None:
    async with client.realtime() as talk:
        for _ in range(2):
            await server.tell_sound(bytes(4800), "resp_7")
        first, second = await until(talk, MediaPiece), await until(talk, MediaPiece)
    piece = second[-1]
    assert isinstance(first[-1], MediaPiece) and isinstance(piece, MediaPiece)
    assert (piece.start_ms, piece.duration_ms, piece.media_type) == (100, 100, "audio/pcm;rate=24000")


async def test_other_events(server: FakeRealtimeServer, client: AsyncAvatarClient) -> None:
    item = {"id": "i", "role": "assistant", "content": [{"type": "output_audio", "transcript": "Hi."}]}
    server.after = [
        {"type": "avatar.queue", "position": 2, "wait_seconds": 3.5},
        {"type": "conversation.item.input_audio_transcription.completed", "item_id": "i", "transcript": "Hey."},
        {"type": "conversation.item.done", "item": item},
        {
            "type": "error",
            "error": {"type": "e", "code": None, "message": "Hm.", "param": "x", "retry_after_seconds": 3},
        },
        {"type": "something.new"},
    ]
    async with client.realtime() as talk:
        events = [await anext(talk) for _ in range(5)]
    queued, heard, kept, refusal, other = events
    assert isinstance(queued, Queued) and (queued.position, queued.wait_seconds) == (2, 3.5)
    assert isinstance(heard, HeardAll) and heard.text == "Hey."
    assert isinstance(kept, ItemDone) and (kept.role, kept.text) == ("assistant", "Hi.")
    assert isinstance(refusal, Refusal) and (refusal.code, refusal.param) == ("e", "x")
    assert refusal.retry_after_seconds == 3
    assert type(other).__name__ == "Other"


async def test_a_lost_line_and_back_again(server: FakeRealtimeServer, client: AsyncAvatarClient) -> None:
    async with client.realtime() as talk:
        server.connections[0].transport.abort()
        with pytest.raises(SessionClosed) as lost:
            await until(talk, AnswerDone)
        with pytest.raises(SessionClosed):
            await until(talk, AnswerDone)
        with pytest.raises(SessionClosed):
            await talk.say("Hello?")
    assert lost.value.close_code == 1006 and lost.value.resumable
    async with client.realtime(ticket=talk.ticket) as talk:
        assert talk.resumed
        talk.abort()
    assert "session_id=sess_1" in server.paths[1] and "resume_token=secret" in server.paths[1]


async def test_the_end(server: FakeRealtimeServer, client: AsyncAvatarClient) -> None:
    async with client.realtime() as talk:
        await server.connections[0].close(1000)
        assert [event async for event in talk] == []
    async with client.realtime() as talk:
        await server.connections[1].close(4409, "taken over")
        with pytest.raises(SessionClosed, match="taken over") as closed:
            await anext(talk)
        assert not closed.value.resumable


async def test_refusals(server: FakeRealtimeServer, client: AsyncAvatarClient) -> None:
    async with client.realtime() as talk:
        with pytest.raises(AvatarError, match="No"):
            await talk.update(instructions="wrong")
        await talk.update(instructions="right", turn_detection={"silence_duration_ms": 700})
        await server.connections[-1].send(b"rubbish")
        with pytest.raises(EngineFailed):
            await until(talk, AnswerDone)
    kinds: list[tuple[str, int, type[Exception]]] = [
        ("not_found", 4404, NotFound),
        ("at_capacity", 1013, AtCapacity),
        ("unauthorised", 4401, Refused),
    ]
    for code, close_code, kind in kinds:
        server.refusal = (code, "Not you.", close_code)
        with pytest.raises(kind, match="Not you"):
            async with client.realtime():
                raise AssertionError("it was refused")


async def test_nobody_there() -> None:
    async with AsyncAvatarClient("http://127.0.0.1:9") as client:
        with pytest.raises(Unreachable):
            async with client.realtime():
                raise AssertionError("there is no server")
