"""The official `openai` package holds a conversation over the realtime socket, and understands every event of it."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

from tests.door.realtime_line import QUESTION, loud_ears, realtime_app, served
from tests.fakes.stages import FakeStages

pytestmark = pytest.mark.usefixtures("loud_ears")
__all__ = ["loud_ears"]

KNOWN: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


def client_of(url: str) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="none", base_url=url.replace("ws://", "http://").removesuffix("/realtime"))


async def events_until(connection: AsyncRealtimeConnection, kind: str) -> list[Any]:
    """Every event up to the first of a kind, each checked strictly against the package's own types."""
    events = []
    async for event in connection:
        KNOWN.validate_python(event.to_dict())
        events.append(event)
        if event.type == "error":
            raise AssertionError(event)
        if event.type == kind:
            return events
    raise AssertionError(f"no {kind}")


async def test_a_written_conversation(tmp_path: Path) -> None:
    stages = FakeStages()
    async with (
        served(realtime_app(stages, tmp_path)) as url,
        client_of(url) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await events_until(connection, "session.updated")
        for question in ("Hello?", "And again?"):
            await connection.conversation.item.create(
                item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]}
            )
            await connection.response.create()
            events = await events_until(connection, "response.done")
            text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
            assert text == "".join(stages.reply_pieces)
            assert events[-1].response.status == "completed"


async def test_a_spoken_conversation_with_the_servers_turn_detection(tmp_path: Path) -> None:
    stages = FakeStages()
    async with (
        served(realtime_app(stages, tmp_path)) as url,
        client_of(url) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Be brief.",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24000},
                        "transcription": {"model": "whisper-1"},
                        "turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 400},
                    },
                    "output": {"voice": "marin", "speed": 1.0},
                },
            }
        )
        updated = (await events_until(connection, "session.updated"))[-1]
        assert updated.session.audio.output.voice == "marin"
        for start in range(0, len(QUESTION), 4800):
            await connection.input_audio_buffer.append(audio=base64.b64encode(QUESTION[start : start + 4800]).decode())
        events = await events_until(connection, "response.done")
        heard = [event.transcript for event in events if event.type.endswith("input_audio_transcription.completed")]
        assert heard == [stages.heard]
        sound = b"".join(base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta")
        assert len(sound) > 2 * 24_000 and np.abs(np.frombuffer(sound, "<i2")).max() > 5000
        said = "".join(e.delta for e in events if e.type == "response.output_audio_transcript.delta")
        assert events[-1].response.output[0].content[0].transcript == said


async def test_push_to_talk_cancel_and_truncate(tmp_path: Path) -> None:
    stages = FakeStages(reply_pieces=tuple("One two three four five six. " for _ in range(20)))
    async with (
        served(realtime_app(stages, tmp_path)) as url,
        client_of(url) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        await connection.session.update(
            session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}  # type: ignore[typeddict-item]
        )
        await events_until(connection, "session.updated")
        await connection.input_audio_buffer.append(audio=base64.b64encode(QUESTION).decode())
        await connection.input_audio_buffer.commit()
        await connection.response.create(response={"instructions": "Count."})
        await events_until(connection, "response.output_audio.delta")
        await connection.response.cancel()
        done = (await events_until(connection, "response.done"))[-1]
        assert done.response.status == "cancelled"
        item_id = done.response.output[0].id
        await connection.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=200)
        assert (await events_until(connection, "conversation.item.truncated"))[-1].audio_end_ms == 200
        await connection.conversation.item.retrieve(item_id=item_id)
        await events_until(connection, "conversation.item.retrieved")
        await connection.conversation.item.delete(item_id=item_id)
        await events_until(connection, "conversation.item.deleted")


async def test_what_is_not_offered_is_an_error_event_of_the_package(tmp_path: Path) -> None:
    async with (
        served(realtime_app(FakeStages(), tmp_path)) as url,
        client_of(url) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        await connection.session.update(
            session={"type": "realtime", "audio": {"input": {"noise_reduction": {"type": "near_field"}}}}
        )
        async for event in connection:
            KNOWN.validate_python(event.to_dict())
            if event.type == "error":
                assert event.error.param == "session.audio.input.noise_reduction"
                break
