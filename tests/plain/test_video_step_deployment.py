"""The video stage's Serve class, called without Serve."""

import asyncio
import pickle
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray.exceptions import RayTaskError

from deployments.contracts import Step, Stepped
from deployments.errors import BadInput, EngineFailed, NotFound
from deployments.store.settings import StoreSettings
from deployments.store.store import AVATAR_ENROLMENTS, Store
from deployments.video import deployment
from deployments.video.deployment import Video, build_video
from deployments.video.failures import DeviceFailed, ReplicaBroken
from deployments.video.ladder import Rungs
from deployments.video.settings import VideoSettings
from deployments.weights.settings import WeightsSettings
from serve_app.serve_stages import _Died, _translated
from tests.fakes.animator import FakeAnimator

pytestmark = pytest.mark.plain
FACE = np.arange(48 * 64 * 3, dtype=np.uint32).reshape(64, 48, 3).astype(np.uint8)


class Breakable(FakeAnimator):
    broken = False

    def step(self, batch: Sequence[Step]) -> list[Stepped | Exception]:
        if self.broken:
            return [EngineFailed("The engine is out of order.")] * len(batch)
        return super().step(batch)


@pytest.fixture
def store(tmp_path: Path) -> StoreSettings:
    return StoreSettings(url=str(tmp_path))


@pytest.fixture
def engine() -> Breakable:
    return Breakable()


@pytest.fixture
def video(engine: Breakable, store: StoreSettings, monkeypatch: pytest.MonkeyPatch) -> Video:
    def build(settings: VideoSettings, load: Any, weights: WeightsSettings) -> Breakable:
        engine._load = load
        return engine

    monkeypatch.setattr(deployment, "build_engine", build)
    return Video(VideoSettings(max_batch_steps=3), store, WeightsSettings())


async def test_is_warm_before_it_is_ready(video: Video, engine: Breakable) -> None:
    assert len(engine.steps) == 1 and engine.steps[0].final


async def test_an_engine_that_cannot_make_a_frame_does_not_start(
    engine: Breakable, store: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.broken = True
    monkeypatch.setattr(deployment, "build_engine", lambda *_: engine)
    with pytest.raises(EngineFailed):
        Video(VideoSettings(), store, WeightsSettings())


async def test_steps_of_many_streams_run_side_by_side(video: Video) -> None:
    steps = [Step("grace_hopper", np.zeros(640 * length, np.float32), final=True) for length in range(1, 9)]
    answers = await asyncio.gather(*(video.step(step) for step in steps))
    assert [len(answer.frames) for answer in answers] == list(range(1, 9))


async def test_an_enrolled_avatar_is_found_in_the_store(video: Video, store: StoreSettings) -> None:
    step = Step("mine", np.zeros(640, np.float32), final=True)
    with pytest.raises(NotFound):
        await video.step(step)
    Store(store.url).put(AVATAR_ENROLMENTS, "mine", await video.enrol(FACE))
    assert len((await video.step(step)).frames) == 1


async def test_errors_come_as_they_are(video: Video) -> None:
    with pytest.raises(BadInput):
        await video.enrol(np.zeros_like(FACE))
    with pytest.raises(BadInput):
        await video.step(Step("grace_hopper", np.full(10, np.inf, np.float32)))


async def test_says_what_it_makes(video: Video) -> None:
    assert await video.describe() == {
        "frame_size": (48, 64),
        "lookahead_samples": 800,
        "frames_per_second": 25,
        "default_avatar": "grace_hopper",
        "fingerprint": "0fa4e",
    }


async def test_health_is_a_frame_made_lately(video: Video, engine: Breakable, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.broken = True
    await video.check_health()  # it has just made one
    monkeypatch.setattr(deployment, "_PROOF_OF_LIFE_SECONDS", -1.0)
    with pytest.raises(EngineFailed):
        await video.check_health()
    engine.broken = False
    await video.check_health()


async def test_a_hang_up_takes_back_what_was_not_begun(video: Video, engine: Breakable) -> None:
    before = len(engine.steps)
    calls = [asyncio.create_task(video.step(Step("grace_hopper", np.zeros(64_000, np.float32)))) for _ in range(9)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await video.step(Step("grace_hopper", np.zeros(1, np.float32)))
    assert len(engine.steps) - before <= 3 + 1, "at most the batch under way, and the new one"


class Sparing(Breakable):
    """An engine that can spare work, and takes its time: more than the video it makes lasts."""

    rungs = Rungs(render=(1, 2))
    full_card = False

    def step(self, batch: Sequence[Step]) -> list[Stepped | Exception]:
        if self.full_card:
            return [DeviceFailed("The card ran out of memory in a step.")] * len(batch)
        time.sleep(0.005)
        return super().step(batch)


@pytest.fixture
def sparing(store: StoreSettings, monkeypatch: pytest.MonkeyPatch) -> Video:
    monkeypatch.setattr(deployment, "build_engine", lambda *_: Sparing())
    ladder = {"raise_above": 1e-4, "lower_below": 0.0, "raise_seconds": 0, "hold_seconds": 0.05}
    return Video(VideoSettings.model_validate({"ladder": ladder}), store, WeightsSettings())


def one_second(quality: int = 0) -> Step:
    return Step("grace_hopper", np.zeros(16_000, np.float32), final=True, quality=quality)


async def test_load_lowers_the_quality_of_what_follows(sparing: Video) -> None:
    engine, changes = sparing._engine, []
    sparing._metrics.changed = lambda quality: changes.append(quality.number)  # type: ignore[method-assign]
    for _ in range(5):
        await sparing.step(one_second())
    assert [step.quality for step in engine.steps[1:]] == [0, 1, 2, 2, 2] and changes == [1, 2]
    await sparing.step(one_second(quality=8))
    assert engine.steps[-1].quality == 10, "what the caller spares and what load makes us spare"
    await asyncio.sleep(0.2)
    await sparing.step(one_second())
    await sparing.step(one_second())
    assert engine.steps[-1].quality < 2 and changes[2] < 2, "calm gave it back"


async def test_an_engine_that_spares_nothing_gets_steps_as_they_were_sent(video: Video, engine: Breakable) -> None:
    for quality in (0, 1, 7):
        await video.step(one_second(quality))
    assert [step.quality for step in engine.steps[1:]] == [0, 1, 7]


async def test_a_full_card_makes_the_replica_unhealthy_for_good(sparing: Video) -> None:
    await sparing.check_health()
    sparing._engine.full_card = True
    steps = [asyncio.create_task(sparing.step(one_second())) for _ in range(2)]
    first, *_ = await asyncio.gather(*steps, return_exceptions=True)
    assert isinstance(first, ReplicaBroken) and "out of memory" in str(first)
    with pytest.raises(EngineFailed, match="out of memory") as failure:
        await sparing.step(one_second())
    assert failure.value.code == "engine_failed"
    sparing._engine.full_card = False
    assert len((await sparing.step(one_second())).frames) == 25, "who is still sent here is served if that is possible"
    for _ in range(2):
        with pytest.raises(DeviceFailed):
            await sparing.check_health()


async def test_a_card_that_fills_up_at_an_enrolment_is_noticed_too(
    sparing: Video, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(portrait: Any) -> bytes:
        raise DeviceFailed("The card ran out of memory in a step.")

    monkeypatch.setattr(sparing._engine, "enrol", full)
    with pytest.raises(DeviceFailed):
        await sparing.enrol(FACE)
    with pytest.raises(DeviceFailed):
        await sparing.check_health()


def test_a_broken_replica_is_a_death_to_the_caller_who_tries_elsewhere() -> None:
    broken = ReplicaBroken("The card ran out of memory in a step.")
    arrived = RayTaskError("step", "a traceback", pickle.loads(pickle.dumps(broken)))
    assert isinstance(_translated("video", arrived.as_instanceof_cause()), _Died)
    failed = DeviceFailed("The card ran out of memory. Lower max_batch_frames.")
    typed = _translated("video", RayTaskError("step", "a traceback", pickle.loads(pickle.dumps(failed))))
    assert isinstance(typed, EngineFailed) and "max_batch_frames" in str(typed)


def test_the_application_has_limits_on_purpose(store: StoreSettings) -> None:
    video = build_video(VideoSettings(), store, WeightsSettings())._bound_deployment
    assert video.name == "Video"
    assert 0 < video.max_ongoing_requests <= 16 and 0 < video.max_queued_requests <= 64
    assert video.ray_actor_options == {"num_cpus": 0.2}
