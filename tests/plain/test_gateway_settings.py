"""Each knob of the gateway changes what its name says."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from pydantic import ValidationError

from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.stages import StageHealth
from tests.door.door_stages import DoorStages

Opener = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def door(tmp_path: Path) -> Opener:
    """Opens the doors with some settings, over fakes."""

    @asynccontextmanager
    async def opened(
        stages: DoorStages | None = None, coordinator: CoordinatorSettings | None = None, **knobs: Any
    ) -> AsyncIterator[httpx.AsyncClient]:
        settings, conversation = GatewaySettings(**knobs), ConversationSettings()
        app = create_app(stages or DoorStages(), Store(tmp_path), settings, conversation, coordinator=coordinator)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
            yield client

    return opened


@pytest.mark.parametrize(
    ("knobs", "body", "status"),
    [
        ({"max_json_bytes": 40}, {"text": "a" * 50}, 413),
        ({"max_text_characters": 10}, {"text": "a" * 11}, 413),
        ({"max_messages": 1}, {"messages": [{"role": "user", "content": "Hi."}] * 2}, 413),
        ({}, {"messages": [{"role": "user", "content": "a" * 50}] * 2}, 200),
    ],
)
async def test_limits_on_text(door: Opener, knobs: dict[str, Any], body: dict[str, Any], status: int) -> None:
    async with door(**knobs) as client:
        assert (await client.post("/chat", json=body)).status_code == status


@pytest.mark.parametrize(("seconds", "status"), [(1.0, 413), (5.0, 200)])
async def test_the_limits_on_media_are_those_of_the_settings(door: Opener, seconds: float, status: int) -> None:
    file = io.BytesIO()
    soundfile.write(file, 0.1 * np.ones(2 * 16_000, np.float32), 16_000, format="WAV")
    async with door(media={"max_audio_seconds": seconds}) as client:
        heard = await client.post("/transcribe", content=file.getvalue(), headers={"Content-Type": "audio/wav"})
        assert heard.status_code == status


async def test_a_body_that_trickles_in_is_given_up(door: Opener) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(5)

    async with door(body_timeout_seconds=0.05) as client:
        answer = await client.post("/chat", content=parts(), headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timed_out")


async def test_places_and_the_time_to_wait(door: Opener) -> None:
    stages = DoorStages()
    stages.gate = asyncio.Event()
    async with door(stages, CoordinatorSettings(max_people=1, turn_seconds=9)) as client:
        first = asyncio.create_task(client.post("/chat", json={"text": "Hi."}))
        await asyncio.wait_for(stages.at_gate.wait(), 5)
        second = await client.post("/chat", json={"text": "Hi."})
        assert (second.status_code, second.headers["retry-after"]) == (503, "9")
        stages.gate.set()
        assert (await first).status_code == 200


async def test_a_stage_that_says_nothing_is_down(door: Opener) -> None:
    class Silent(DoorStages):
        async def health(self) -> dict[str, StageHealth]:
            await asyncio.sleep(30)
            return {}

    async with door(Silent(), health_timeout_seconds=0.05) as client:
        assert (await client.get("/health")).status_code == 503


async def test_retention_and_names(door: Opener) -> None:
    files = {"audio": ("me.wav", _hum())}
    async with door(retention_hours=48, max_name_characters=3) as client:
        voice = (await client.post("/v1/voices", files=files, data={"consent": "true", "name": "Ana"})).json()
        assert voice["expires_at"][8:10] != voice["created_at"][8:10]
        long = await client.post("/v1/voices", files=files, data={"consent": "true", "name": "Anna"})
        assert long.status_code == 422


async def test_uploads_have_an_end(door: Opener) -> None:
    def form(level: float) -> dict[str, Any]:
        return {"files": {"audio": ("me.wav", _hum(level))}, "data": {"consent": "true"}}

    async with door(max_uploads=1) as client:
        assert (await client.post("/v1/voices", **form(0.2))).status_code == 201
        assert (await client.post("/v1/voices", **form(0.2))).status_code == 201, "the same one again"
        assert (await client.post("/v1/voices", **form(0.1))).status_code == 413


def test_unknown_and_impossible_settings_are_refused() -> None:
    for wrong in ({"max_json_byte": 1}, {"max_messages": 0}, {"media": {"max_audio": 1}}, {"retention_hours": 0}):
        with pytest.raises(ValidationError):
            GatewaySettings(**wrong)


def _hum(level: float = 0.2) -> bytes:
    file = io.BytesIO()
    time = np.arange(3 * 16_000) / 16_000
    soundfile.write(file, (level * np.sin(2 * np.pi * 200 * time)).astype(np.float32), 16_000, format="WAV")
    return file.getvalue()
