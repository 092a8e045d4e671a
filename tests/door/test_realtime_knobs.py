"""Each setting of the realtime socket does what it says. Those about refusals are in test_realtime_session."""

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from deployments.errors import EngineFailed
from serve_app.coordinator.contracts import Coordination, SessionSnapshot
from serve_app.coordinator.desks import desks_in_memory
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.jobs.settings import JobSettings
from serve_app.realtime.hearing.settings import EarSettings, TurnDetection
from serve_app.realtime.settings import RealtimeSettings
from tests.door.realtime_line import (
    PUSH_TO_TALK,
    QUESTION,
    WRITTEN,
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


class UncertainSessions:
    """Fails as often as `failures` says, then keeps what it is given; `slow` seconds a verb."""

    def __init__(self, failures: int = 0, slow: float = 0.0) -> None:
        self.failures, self.slow = failures, slow
        self.saved: list[SessionSnapshot] = []
        self.dropped: list[str] = []
        self.asked = 0

    async def save(self, snapshot: SessionSnapshot) -> bool:
        self.asked += 1
        await asyncio.sleep(self.slow)
        if self.failures > 0:
            self.failures -= 1
            raise EngineFailed("The Coordinator restarts.")
        self.saved.append(snapshot)
        return True

    async def resume(self, session_id: str, token: str, owner: str) -> SessionSnapshot:
        raise NotImplementedError

    async def drop(self, session_id: str) -> None:
        await asyncio.sleep(self.slow)
        self.dropped.append(session_id)


def with_sessions(sessions: UncertainSessions) -> Coordination:
    desks = desks_in_memory(CoordinatorSettings(), JobSettings())
    return Coordination(desks.people, sessions, desks.jobs)


@pytest.mark.parametrize("speculate", [True, False])
async def test_speculate(tmp_path: Path, speculate: bool) -> None:
    stages = FakeStages()
    settings = RealtimeSettings(speculate=speculate, partials=False)
    async with served(realtime_app(stages, tmp_path, settings)) as url, line(url) as talk:
        await talk.say(loud(1.2), quiet(0.3))
        await asyncio.sleep(0.2)
        assert bool(stages.asked("reply")) == bool(stages.asked("transcribe")) == speculate
        await talk.say(quiet(0.5))
        assert (await talk.until("response.done"))["response"]["status"] == "completed"


@pytest.mark.parametrize("partials", [True, False])
async def test_partials(tmp_path: Path, partials: bool) -> None:
    stages = FakeStages()
    settings = RealtimeSettings(partials=partials)
    async with served(realtime_app(stages, tmp_path, settings)) as url, line(url) as talk:
        await talk.say(loud(2.5))
        for _ in range(300 if partials else 20):
            if stages.asked("transcribe"):
                break
            await asyncio.sleep(0.01)
        assert bool(stages.asked("transcribe")) == partials


@pytest.mark.parametrize("gap", [0.3, 30.0])
async def test_idle_gap_seconds(tmp_path: Path, gap: float) -> None:
    settings = RealtimeSettings(idle_gap_seconds=gap)
    async with served(realtime_app(FakeStages(), tmp_path, settings)) as url, line(url) as talk:
        await talk.say(loud(1.2))
        await asyncio.sleep(1.2)
        assert bool(talk.of("input_audio_buffer.speech_stopped")) == (gap < 1)


@pytest.mark.parametrize("silence", [300, 1500])
async def test_the_ears_settings_are_those_of_a_new_session(tmp_path: Path, silence: int) -> None:
    settings = RealtimeSettings(ear=EarSettings(detection=TurnDetection(silence_duration_ms=silence)))
    async with served(realtime_app(FakeStages(), tmp_path, settings)) as url, line(url) as talk:
        detection = talk.events[0]["session"]["audio"]["input"]["turn_detection"]
        assert detection["silence_duration_ms"] == silence
        await talk.say(QUESTION)
        await asyncio.sleep(0.2)
        assert bool(talk.of("input_audio_buffer.speech_stopped")) == (silence == 300)


@pytest.mark.parametrize("most", [2, 10])
async def test_max_items(tmp_path: Path, most: int) -> None:
    settings = RealtimeSettings(max_items=most)
    async with served(realtime_app(FakeStages(), tmp_path, settings)) as url, line(url, WRITTEN) as talk:
        for id in ("a", "b", "c"):
            content = [{"type": "input_text", "text": id}]
            item = {"id": id, "type": "message", "role": "user", "content": content}
            await talk.send("conversation.item.create", item=item)
        await talk.until("conversation.item.done", lambda event: event["item"]["id"] == "c")
        assert [event["item_id"] for event in talk.of("conversation.item.deleted")] == (["a"] if most == 2 else [])


@pytest.mark.parametrize("most", [0.5, 5.0])
async def test_max_item_audio_seconds(tmp_path: Path, most: float) -> None:
    settings = RealtimeSettings(max_item_audio_seconds=most)
    async with served(realtime_app(FakeStages(), tmp_path, settings)) as url, line(url) as talk:
        content = [{"type": "input_audio", "audio": base64.b64encode(loud(1.0)).decode()}]
        await talk.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        last = await talk.until("error" if most < 1 else "conversation.item.done")
        assert most > 1 or last["error"]["code"] == "too_large"


@pytest.mark.parametrize("retry", [0.1, 30.0])
async def test_save_retry_seconds(tmp_path: Path, retry: float) -> None:
    sessions = UncertainSessions(failures=2)
    settings = RealtimeSettings(save_retry_seconds=retry)
    app = realtime_app(FakeStages(), tmp_path, settings, coordination=with_sessions(sessions))
    async with served(app) as url, line(url, PUSH_TO_TALK):
        await asyncio.sleep(0.6)
        assert bool(sessions.saved) == (retry < 1)


@pytest.mark.parametrize("patience", [0.1, 5.0])
async def test_farewell_seconds(tmp_path: Path, patience: float) -> None:
    sessions = UncertainSessions(slow=0.5)
    settings = RealtimeSettings(farewell_seconds=patience)
    app = realtime_app(FakeStages(), tmp_path, settings, coordination=with_sessions(sessions))
    async with served(app) as url:
        async with line(url, PUSH_TO_TALK) as talk:
            await talk.socket.close(1000)
        await asyncio.sleep(0.8)
        assert bool(sessions.dropped) == (patience > 1)


@pytest.mark.parametrize("patience", [0.1, 5.0])
async def test_last_save_seconds(tmp_path: Path, patience: float) -> None:
    sessions = UncertainSessions(slow=0.5)
    settings = RealtimeSettings(last_save_seconds=patience)
    app = realtime_app(FakeStages(), tmp_path, settings, coordination=with_sessions(sessions))
    async with served(app) as url:
        async with line(url, PUSH_TO_TALK):
            await asyncio.sleep(0.7)
        before = len(sessions.saved)
        await asyncio.sleep(0.8)
        assert (len(sessions.saved) > before) == (patience > 1)


async def test_of_many_changes_the_latest_is_saved(tmp_path: Path) -> None:
    sessions = UncertainSessions(slow=0.2)
    app = realtime_app(FakeStages(), tmp_path, coordination=with_sessions(sessions))
    async with served(app) as url, line(url) as talk:
        for number in range(20):
            session: dict[str, Any] = {"instructions": f"Number {number}."}
            await talk.send("session.update", session=session)
        await asyncio.sleep(0.7)
        assert sessions.asked <= 4 and "Number 19." in sessions.saved[-1].data
