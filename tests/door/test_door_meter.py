"""What the gateway counts: turns, their first media, their ends good and bad, and refusals."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
import pytest

from deployments.errors import EngineFailed
from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.events import Ended
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.gateway.tasks import counted, tasks_now
from tests.door.door_stages import DoorStages


@dataclass
class Notes:
    """Implements `serve_app.gateway.meter.Meter`."""

    places: list[int] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    tasks_counted: list[Mapping[str, int]] = field(default_factory=list)

    def at_work(self, places: int) -> None:
        self.places.append(places)

    def tasks(self, counts: Mapping[str, int]) -> None:
        self.tasks_counted.append(dict(counts))

    def first_media(self, seconds: float) -> None:
        self.firsts.append(seconds)

    def turn_ended(self, ended: Ended) -> None:
        self.ended.append(ended)

    def turn_failed(self, code: str) -> None:
        self.failed.append(code)

    def refused(self, code: str) -> None:
        self.refusals.append(code)

    def jobs(self, counts: Mapping[str, int]) -> None: ...

    def job_ended(self, status: str, worked_seconds: float, media_seconds: float) -> None: ...


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def door(stages: DoorStages, store: Store, settings: GatewaySettings, notes: Notes) -> httpx.AsyncClient:
    app = create_app(stages, store, settings, ConversationSettings(), meter=notes)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door")


@pytest.mark.parametrize("form", ["mp4", "fmp4", "events"])
async def test_a_turn_is_counted_once(door: httpx.AsyncClient, notes: Notes, form: str) -> None:
    assert (await door.post(f"/generate?format={form}", json={"text": "Hello there."})).status_code == 200
    assert (len(notes.firsts), len(notes.ended), notes.failed, notes.refusals) == (1, 1, [], [])
    assert notes.places == [1, 0]
    assert notes.ended[0].media_seconds > 0


async def test_failures_and_refusals_have_their_codes(
    door: httpx.AsyncClient, notes: Notes, stages: DoorStages
) -> None:
    assert (await door.post("/generate", json={"text": "Hi.", "voice": "nobody"})).status_code == 404
    stages.fail["tts"] = EngineFailed("broken")
    assert (await door.post("/generate", json={"text": "Hi."})).status_code == 502
    stages.fail["tts"] = ZeroDivisionError()
    assert (await door.post("/generate", json={"text": "Hi."})).status_code == 500
    assert notes.refusals == ["not_found", "engine_failed", "internal_error"]
    assert notes.failed == ["engine_failed", "internal_error"]
    assert notes.places[-1] == 0


async def test_hanging_up_is_counted(door: httpx.AsyncClient, notes: Notes, stages: DoorStages) -> None:
    stages.gate = asyncio.Event()
    asking = asyncio.create_task(door.post("/conversation", json={"text": "Hello."}))
    await asyncio.wait_for(stages.at_gate.wait(), 5)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert (notes.failed, notes.places) == (["cancelled"], [1, 0])


async def test_strangers_are_counted(stages: DoorStages, store: Store, notes: Notes) -> None:
    app = create_app(stages, store, GatewaySettings.model_validate({"api_key": "k"}), ConversationSettings(), notes)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client:
        await client.get("/v1/avatars")
        await client.post("/chat", headers={"Origin": "https://evil.example"})
    assert notes.refusals == ["unauthorised", "forbidden"]


async def test_tasks_are_counted_by_what_they_run(
    stages: DoorStages, store: Store, settings: GatewaySettings, notes: Notes
) -> None:
    app = create_app(stages, store, settings, ConversationSettings(), meter=notes)
    async with app.router.lifespan_context(app), asyncio.timeout(5):
        while not notes.tasks_counted or notes.tasks_counted[-1].get("Places._beat") != 1:
            await asyncio.sleep(0.01)
    assert notes.tasks_counted[-1]["other"] >= 1, "this test's own"


async def test_tasks_are_counted_again_and_again(notes: Notes) -> None:
    async with counted(notes, seconds=0.01), asyncio.timeout(5):
        while len(notes.tasks_counted) < 3:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert "counted.<locals>.count" not in tasks_now(), "it ends with the block"
