"""A client that hangs up stops the work, a stream that fails is cut, nothing stays behind."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from deployments.errors import EngineFailed
from tests.door.conftest import photo, wav
from tests.door.door_stages import DoorStages
from tests.door.live import served_here

SPEECH = {"content": wav(), "headers": {"Content-Type": "audio/wav"}}
TURNS = pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/conversation?format=mp4", SPEECH),
        ("/conversation?format=fmp4", SPEECH),
        ("/conversation?format=events", SPEECH),
        ("/chat", {"json": {"text": "Hello."}}),
        ("/chat", {"json": {"text": "Hello.", "stream": True}}),
    ],
)


@pytest.fixture(autouse=True)
def no_temporary_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


async def turns_at_work(client: httpx.AsyncClient) -> int:
    return int((await client.get("/health")).json()["turns"]["now"])


@TURNS
async def test_hanging_up_stops_the_work(app: Starlette, stages: DoorStages, path: str, call: dict[str, Any]) -> None:
    stages.gate = asyncio.Event()
    async with served_here(app, lifespan="off") as url, httpx.AsyncClient(base_url=url) as client:
        asking = asyncio.create_task(client.post(path, **call))
        await asyncio.wait_for(stages.at_gate.wait(), 5)
        assert await turns_at_work(client) == 1
        asking.cancel()
        async with asyncio.timeout(5):
            while await turns_at_work(client):
                await asyncio.sleep(0.01)
        assert "llm" in stages.closed
        stages.gate = None
        assert (await client.post(path, **call)).status_code == 200


async def test_a_stream_that_fails_half_way_is_cut(app: Starlette, stages: DoorStages) -> None:
    stages.gate = asyncio.Event()
    stages.pieces = ("One sentence is enough to begin with. ", "And another one that never comes.")
    async with served_here(app, lifespan="off") as url, httpx.AsyncClient(base_url=url) as client:
        ask = client.stream("POST", "/conversation?format=fmp4", content=wav(), headers={"Content-Type": "audio/wav"})
        async with ask as answer:
            assert answer.status_code == 200
            parts = answer.aiter_raw()
            assert (await anext(parts))[4:8] == b"ftyp"
            stages.fail["tts"] = EngineFailed("The voice engine failed twice.")
            stages.gate.set()
            with pytest.raises(httpx.RemoteProtocolError):
                async for _ in parts:
                    pass
        stages.fail.clear()
        assert await turns_at_work(client) == 0


async def test_above_capacity_the_answer_is_a_quick_no(app: Starlette, stages: DoorStages) -> None:
    stages.gate = asyncio.Event()
    async with served_here(app, lifespan="off") as url, httpx.AsyncClient(base_url=url) as client:
        busy = [asyncio.create_task(client.post("/chat", json={"text": "Hello."})) for _ in range(2)]
        async with asyncio.timeout(5):
            while await turns_at_work(client) < 2:
                await asyncio.sleep(0.01)
        calls = len(stages.calls)
        for door in ("/transcribe", "/conversation", "/generate", "/chat", "/v1/avatars", "/v1/voices"):
            refused = await client.post(door, content=b"anything at all")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "at_capacity")
            assert refused.headers["retry-after"] == "3"
        assert len(stages.calls) == calls
        assert (await client.get("/v1/avatars")).status_code == 200
        stages.gate.set()
        assert [answer.status_code for answer in await asyncio.gather(*busy)] == [200, 200]


async def test_uploads_leave_no_temporary_file(app: Starlette) -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        large = wav(40)
        assert len(large) > 1_000_000
        heard = await client.post("/transcribe", files={"audio": ("long.wav", large)})
        assert heard.status_code == 200
        seen = await client.post("/v1/avatars", files={"image": ("me.png", photo(600))}, data={"consent": "true"})
        assert seen.status_code == 201
        assert (await client.post("/transcribe", files={"audio": ("bad.wav", b"rubbish")})).status_code == 400
