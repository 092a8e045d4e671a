"""How many people are answered at once, as HTTP clients see it: the no, its numbers, and a house left alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx

from deployments.errors import CoordinatorAway
from deployments.store.store import Store
from serve_app.client.answers import health_of
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.contracts import Coordination
from serve_app.coordinator.desks import desks_in_memory
from serve_app.coordinator.people import WaitingRoom
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.jobs.settings import JobSettings
from tests.door.door_stages import DoorStages

ONE = CoordinatorSettings(max_people=1, turn_seconds=4, beat_seconds=0.01)


class MortalRoom(WaitingRoom):
    """Does not answer while `away`."""

    away = False

    async def ask(self, *arguments: Any, **more: Any) -> Any:
        self._answer()
        return await super().ask(*arguments, **more)

    async def beat(self, *arguments: Any, **more: Any) -> Any:
        self._answer()
        return await super().beat(*arguments, **more)

    async def leave(self, *arguments: Any, **more: Any) -> Any:
        self._answer()
        return await super().leave(*arguments, **more)

    def _answer(self) -> None:
        if self.away:
            raise CoordinatorAway("It is away.")


@asynccontextmanager
async def gateway(
    stages: DoorStages, store: Store, coordination: Coordination | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        stages, store, GatewaySettings(), ConversationSettings(), coordination=coordination, coordinator=ONE
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as client,
    ):
        yield client


def held(stages: DoorStages, client: httpx.AsyncClient) -> "asyncio.Task[httpx.Response]":
    stages.gate, stages.at_gate = asyncio.Event(), asyncio.Event()
    return asyncio.create_task(client.post("/chat", json={"text": "Hi."}))


async def test_the_no_tells_the_position_and_the_wait(stages: DoorStages, store: Store) -> None:
    async with gateway(stages, store) as client:
        task = held(stages, client)
        await stages.at_gate.wait()
        refused = await client.post("/chat", json={"text": "Hi."})
        error = refused.json()["error"]
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "4")
        assert (error["code"], error["position"], error["retry_after_seconds"]) == ("at_capacity", 1, 4)
        assert "number 1 in the queue" in error["message"] and "4 s" in error["message"]
        assert stages.gate is not None
        stages.gate.set()
        assert (await task).status_code == 200


async def test_gateways_of_one_house_share_its_places(stages: DoorStages, store: Store) -> None:
    desks = desks_in_memory(ONE, JobSettings())
    async with gateway(stages, store, desks) as one, gateway(DoorStages(), store, desks) as other:
        task = held(stages, one)
        await stages.at_gate.wait()
        assert (await other.post("/chat", json={"text": "Hi."})).status_code == 503
        async with asyncio.timeout(5):
            while (await other.get("/health")).json()["people"] != {"answered": 1, "waiting": 0}:
                await asyncio.sleep(0.01)
        assert (await other.get("/health")).json()["turns"] == {"now": 0, "most": 1}
        assert stages.gate is not None
        stages.gate.set()
        await task
        async with asyncio.timeout(5):
            while (await other.post("/chat", json={"text": "Hi."})).status_code != 200:
                await asyncio.sleep(0.01)


async def test_people_are_answered_without_the_coordinator(stages: DoorStages, store: Store) -> None:
    people = MortalRoom(ONE)
    desks = replace(desks_in_memory(ONE, JobSettings()), people=people)
    async with gateway(stages, store, desks) as client:
        task = held(stages, client)
        await stages.at_gate.wait()
        people.away = True
        async with asyncio.timeout(5):
            while (answer := await client.get("/health")).json()["coordinator"]["ok"]:
                await asyncio.sleep(0.01)
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        health = health_of(answer)
        assert not health.ok and "turns go on without it" in health.troubles["coordinator"]
        assert (await client.post("/chat", json={"text": "Hi."})).status_code == 503, "the place is taken"
        assert stages.gate is not None
        stages.gate.set()
        assert (await task).status_code == 200, "the turn under way has not noticed"
        assert (await client.post("/chat", json={"text": "Hi."})).status_code == 200
        people.away = False
        async with asyncio.timeout(5):
            while (await client.get("/health")).json()["status"] != "ok":
                await asyncio.sleep(0.01)
        await asyncio.sleep(0)
        assert people.load().answered == 0, "what was given back meanwhile has been told"
