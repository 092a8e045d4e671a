"""Many conversations at once on two gateways over fakes: what tests/serve/test_serve_load.py does, without Ray."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn

from benchmarks.own_words import Vocabulary
from benchmarks.realtime_load import Plan, drive, figures_of
from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.contracts import Coordination
from serve_app.coordinator.desks import desks_in_memory
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.jobs.settings import JobSettings
from serve_app.local_stages import LocalStages
from tests.fakes.animator import FakeAnimator
from tests.fakes.chat_model import FakeChatModel
from tests.fakes.synthesizer import FakeSynthesizer
from tests.fakes.tone_words import ToneTranscriber, tone_of

COORDINATOR = CoordinatorSettings(max_people=6, beat_seconds=0.2)
JOBS = JobSettings(poll_seconds=0.1, beside_people=6)
PLAN = Plan(turns=60, people=9, jobs=4, seed=3, echoes=True, patience_seconds=30, collect_seconds=30)


@contextlib.asynccontextmanager
async def gateway(stages: LocalStages, store: Store, coordination: Coordination) -> AsyncIterator[str]:
    """One gateway in this very event loop, so that its tasks can be counted."""
    app = create_app(
        stages,
        store,
        GatewaySettings(),
        ConversationSettings(),
        coordination=coordination,
        coordinator=COORDINATOR,
        jobs=JOBS,
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


def census() -> Counter[str]:
    """The application's own tasks, by the coroutine's name."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    ours = [one for one in coroutines if "serve_app" in getattr(getattr(one, "cr_code", None), "co_filename", "")]
    return Counter(one.__qualname__ for one in ours if one is not None)


async def test_nothing_is_left_behind_and_nobody_hears_another(tmp_path: Path) -> None:
    chat, voice = FakeChatModel(delay_seconds=0.01), FakeSynthesizer(delay_seconds=0.01)
    stages = LocalStages(ToneTranscriber(), chat, voice, FakeAnimator())
    coordination, store = desks_in_memory(COORDINATOR, JOBS), Store(tmp_path / "store")
    async with gateway(stages, store, coordination) as one, gateway(stages, store, coordination) as other:
        await asyncio.sleep(0.5)
        before = census()
        outcome = await drive([one, other], PLAN, Vocabulary(tone_of))
        assert outcome.wrong == [], figures_of(outcome)
        tally = outcome.tally
        assert json.loads(json.dumps(figures_of(outcome)))["fates"] == tally.fates
        assert sum(tally.fates.values()) >= PLAN.turns and tally.resumed > 0, figures_of(outcome)
        assert tally.endings["completed"] > 20 and set(tally.troubles) <= {"refusal at_capacity"}, figures_of(outcome)
        async with asyncio.timeout(10):
            while left := (await coordination.people.beat("nobody", (), ())).answered + chat.active + voice.running:
                assert left >= 0
                await asyncio.sleep(0.1)
            while grown := {name: count for name, count in census().items() if count > before[name]}:
                assert grown
                await asyncio.sleep(0.1)
