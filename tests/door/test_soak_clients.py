"""The soak's clients against the real doors over fakes: what they find in order, and what they find wrong."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.soak.bad_messages import BAD_MESSAGES
from benchmarks.soak.bad_uploads import AVATARS, BAD_UPLOADS, FORM, VANDAL_NAME, BadUpload, form
from benchmarks.soak.diary import Diary
from benchmarks.soak.raw_http import RawRequest, exchange
from benchmarks.soak.regular import Regular
from benchmarks.soak.slow import Slow
from benchmarks.soak.slow_ways import WAYS, Limits
from benchmarks.soak.vandals import STRANGER, Vandal
from deployments.contracts import Float32
from deployments.errors import EngineFailed
from serve_app.client import HeardAll, ItemDone, RealtimeEvent
from serve_app.client.realtime_events import Other
from serve_app.gateway.settings import GatewaySettings
from serve_app.realtime.failures import CloseCode
from serve_app.realtime.settings import RealtimeSettings
from tests.door.conftest import photo
from tests.door.live import served_here
from tests.door.realtime_line import loud, loud_ears, realtime_app
from tests.fakes.stages import FakeStages

__all__ = ["loud_ears"]


def question() -> Float32:
    """A second of what `loud_ears` take for speech."""
    return np.frombuffer(loud(1.0, 16_000), "<i2").astype(np.float32) / np.float32(32768)


def brief() -> FakeStages:
    return FakeStages(reply_pieces=("Well, ", "yes."))


@contextlib.asynccontextmanager
async def vandal(folder: Path) -> AsyncIterator[tuple[Vandal, Diary]]:
    diary = Diary()
    async with served_here(realtime_app(FakeStages(), folder)) as url:
        yield Vandal(url, diary, random.Random(1), patience_seconds=20, pause_seconds=0), diary


async def test_every_bad_upload_is_refused_as_documented(tmp_path: Path) -> None:
    async with vandal(tmp_path) as (somebody, diary):
        for upload in BAD_UPLOADS:
            await somebody.play(upload)
    assert diary.wrong == []
    met = {upload.name: str(upload.status or "hung up") for upload in BAD_UPLOADS}
    assert diary.uploads == dict.fromkeys(met.items(), 1)


async def test_who_is_refused_before_all_was_sent_hears_why(tmp_path: Path) -> None:
    """The server answers at once and closes, with megabytes on their way."""
    request = RawRequest("POST", AVATARS, FORM, bytes(30_000_000), announced=10**9)
    async with served_here(realtime_app(FakeStages(), tmp_path)) as url:
        for _ in range(5):
            answer = await exchange(url, request, 20)
            assert answer is not None and str(answer) == "413 too_large"


async def test_every_bad_message_is_refused_as_documented(tmp_path: Path) -> None:
    async with vandal(tmp_path) as (somebody, diary):
        for trick in (*BAD_MESSAGES, STRANGER):
            await somebody.play(trick)
    assert diary.wrong == []
    assert len(diary.uploads) == len(BAD_MESSAGES) + 1


async def test_a_good_upload_that_is_taken_for_a_bad_one_is_found_and_found_listed(tmp_path: Path) -> None:
    def good() -> bytes:
        return form(photo(), "image", consent="true", name=VANDAL_NAME)

    async with vandal(tmp_path) as (somebody, diary):
        await somebody.play(BadUpload("a good photo", AVATARS, FORM, good))
    answered, listed = diary.wrong
    assert "answered 201, not 400 bad_input" in answered and "is listed as avatar-" in listed


@pytest.mark.usefixtures("loud_ears")
async def test_a_regular_stays_in_one_conversation_though_its_line_is_lost(tmp_path: Path) -> None:
    diary, app = Diary(), realtime_app(brief(), tmp_path, settle_seconds=0.01)
    async with served_here(app) as url:
        staying = asyncio.create_task(regular(url, diary).run(60))
        while len(diary.answers) < 2:
            await asyncio.sleep(0.05)
        diary.note_killed("Gateway")
        for _, session, _ in list(app.state.sockets._open.values()):
            session.end(CloseCode.INTERNAL)
        while len(diary.answers) < 4:
            await asyncio.sleep(0.05)
        await ended(staying)
    assert diary.wrong == []
    assert diary.fates["regular resumed"] == 1 and diary.troubles["regular: 1011"] == 1
    for row in diary.answers:
        assert (row.who, row.status, row.gaps) == ("regular", "completed", 0)
        assert row.end_offset_ms is not None and row.drift_ms is not None and row.media_seconds > 0.4
        assert abs(row.end_offset_ms) <= 40 and abs(row.drift_ms) <= 40
        assert row.first_seconds is not None and 0 < row.first_seconds < 3


def regular(url: str, diary: Diary, **changes: Any) -> Regular:
    chance = random.Random(1)
    return Regular(url, diary, chance, question, **{"patience_seconds": 10, "pause_seconds": 0.1, **changes})


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("loud_ears")
async def test_a_lost_line_without_a_death_and_a_forgotten_session_are_wrong(tmp_path: Path) -> None:
    diary, app = Diary(), realtime_app(brief(), tmp_path, grace_seconds=0.01, settle_seconds=0.01)
    async with served_here(app) as url:
        staying = asyncio.create_task(regular(url, diary).run(60))
        while len(diary.answers) < 2:
            await asyncio.sleep(0.05)
        for _, session, _ in list(app.state.sockets._open.values()):
            session.end(CloseCode.INTERNAL)
        while len(diary.answers) < 3:
            await asyncio.sleep(0.05)
        await ended(staying)
    lost, forgotten = diary.wrong
    assert "1011" in lost and "could not be resumed" in forgotten


class Kept:
    """A resumed conversation that has kept these items of the person's."""

    resumed = True

    def __init__(self, *items: str) -> None:
        self._events: list[RealtimeEvent] = [ItemDone(item, "user", "Why?") for item in items]
        self._events.append(Other("input_audio_buffer.cleared", {}))

    async def send(self, kind: str) -> str:
        return "event_1"

    async def __anext__(self) -> RealtimeEvent:
        return self._events.pop(0)


async def test_what_is_forgotten_is_found_though_the_same_was_said_again() -> None:
    diary = Diary()
    somebody: Any = regular("http://nowhere", diary)
    somebody._said.extend([HeardAll(item, "Why?")] for item in "abc")
    await somebody._look_back(Kept("a", "b"))
    assert diary.wrong == [], "the last was being saved"
    somebody._said.append([HeardAll("d", "Why?")])
    await somebody._look_back(Kept("a", "b", "d"))
    assert diary.wrong == [], "and is not missed later"
    await somebody._look_back(Kept("b", "d"))
    (wrong,) = diary.wrong
    assert "what was said is forgotten: ['Why?']" in wrong


@pytest.mark.usefixtures("loud_ears")
@pytest.mark.parametrize(
    ("stages", "words"),
    [
        (FakeStages(delays={"reply_piece": 30.0}), "an answer did not come in"),
        (FakeStages(errors={"reply": EngineFailed("It broke.")}), "an answer failed without a replica's death"),
    ],
)
async def test_an_answer_that_does_not_come_and_one_that_fails_are_wrong(
    tmp_path: Path, stages: FakeStages, words: str
) -> None:
    diary = Diary()
    async with served_here(realtime_app(stages, tmp_path), timeout_graceful_shutdown=1) as url:
        await regular(url, diary, patience_seconds=3.0).run(2 / 60)
    assert words in diary.wrong[0]


@pytest.mark.usefixtures("loud_ears")
async def test_questions_that_are_not_understood_are_counted(tmp_path: Path) -> None:
    diary = Diary()
    async with served_here(realtime_app(FakeStages(heard=""), tmp_path), timeout_graceful_shutdown=1) as url:
        await regular(url, diary).run(2 / 60)
    assert diary.wrong == [] and diary.troubles["regular: nothing was understood"] >= 1


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("dawdles", "answered"),
        ("takes nothing", ""),
        ("stands still", "closed 4410"),
        ("falls silent", "closed 4410"),
        ("half a message", "closed 10"),
        ("half a body", "504 timed_out"),
        ("vanishes", "gone"),
    ],
)
async def test_the_server_lets_go_of_who_is_slow(tmp_path: Path, name: str, ending: str) -> None:
    diary, stages = Diary(), FakeStages()
    realtime = RealtimeSettings(stall_seconds=0.6, pause_seconds=1.5)
    gateway = GatewaySettings(prepare_idle=False, body_timeout_seconds=0.5)
    limits = Limits(0.6, 1.5, 0.5, ping_seconds=3, read_seconds=0.1, unread_seconds=2, answer_seconds=8)
    app = realtime_app(stages, tmp_path, realtime, gateway=gateway)
    async with served_here(app, ws_ping_interval=0.5, ws_ping_timeout=0.5, timeout_graceful_shutdown=1) as url:
        await Slow(url, diary, random.Random(1), limits=limits).go(name)
        await asyncio.sleep(0.3)
        assert not app.state.sockets._open and stages.running == 0
    assert diary.wrong == []
    (fate,) = diary.fates
    assert fate.startswith(f"slow {name}: {ending}"), fate


async def test_a_server_that_does_not_let_go_is_found(tmp_path: Path) -> None:
    diary = Diary()
    limits = Limits(stall_seconds=0.5, answer_seconds=1.5)
    async with served_here(realtime_app(FakeStages(), tmp_path), timeout_graceful_shutdown=1) as url:
        await Slow(url, diary, random.Random(1), limits=limits).go("falls silent")
    (wrong,) = diary.wrong
    assert "falls silent: nothing for 2 s" in wrong


async def test_who_is_slow_tries_all_ways(tmp_path: Path) -> None:
    tried: list[str] = []
    diary = Diary()
    somebody = Slow("http://127.0.0.1:9", diary, random.Random(1), pause_seconds=0)

    async def go(name: str) -> None:
        tried.append(name)

    somebody.go = go  # type: ignore[method-assign]
    async with asyncio.timeout(5):
        await somebody.run(0.2 / 60)
    assert set(tried) == set(WAYS)
