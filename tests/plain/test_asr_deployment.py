"""The hearing stage's Serve class in this process, around a fake engine."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import numpy as np
import pytest
from ray.serve import context
from ray.serve._private.common import DeploymentID, ReplicaID
from ray.serve._private.config import DeploymentConfig
from ray.serve.schema import ReplicaRank

import deployments.asr.deployment as module
from deployments.asr.deployment import Asr, build_asr
from deployments.asr.settings import AsrSettings, BatchSettings
from deployments.contracts import HEARING_RATE_HZ, Pcm, Transcript, Utterance
from deployments.errors import BadInput, EngineFailed, WeightsMissing
from deployments.weights.settings import WeightsSettings
from tests.fakes.transcriber import FakeTranscriber


class GatedTranscriber(FakeTranscriber):
    """Hears only while its gate is open, so that requests pile up; `broken` makes every batch fail."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.broken: Callable[[], Exception] | None = None
        self.raises = False

    def transcribe(self, batch: Sequence[Utterance]) -> list[Transcript | Exception]:
        assert self.gate.wait(10)
        if self.broken:
            if self.raises:
                raise self.broken()
            return [self.broken() for _ in batch]
        return super().transcribe(batch)


def speech(samples: int = 16_000) -> Utterance:
    return Utterance(Pcm(np.full(samples, 0.1, np.float32), HEARING_RATE_HZ))


@pytest.fixture
async def started(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., tuple[Asr, GatedTranscriber]]]:
    """Starts the stage with given batch settings. serve.batch needs a replica's context and a queue of this loop."""
    context._set_internal_replica_context(
        replica_id=ReplicaID("one", DeploymentID("ASR", "test")),
        servable_object=None,
        _deployment_config=DeploymentConfig(max_ongoing_requests=64),
        rank=ReplicaRank(rank=0, node_rank=0, local_rank=0),
        world_size=1,
    )

    def start(**batching: float) -> tuple[Asr, GatedTranscriber]:
        engine = GatedTranscriber()
        monkeypatch.setattr(module, "build_engine", lambda *_: engine)

        class Fresh(Asr):
            """A class of its own, as each replica process has: the batch queue belongs to the class."""

            _together = module.serve.batch(Asr._together.__wrapped__)  # type: ignore[attr-defined]

        return Fresh(AsrSettings(batching=BatchSettings(**batching)), WeightsSettings()), engine

    yield start
    context._INTERNAL_REPLICA_CONTEXT = None


async def piled_up(asr: Asr, engine: GatedTranscriber, count: int) -> list[int]:
    """Batch sizes when `count` requests come while the first is at work."""
    engine.gate.clear()
    first = asyncio.create_task(asr.transcribe(speech()))
    await asyncio.sleep(0.05)
    others = [asyncio.create_task(asr.transcribe(speech())) for _ in range(count)]
    await asyncio.sleep(0.05)
    engine.gate.set()
    await asyncio.gather(first, *others)
    return engine.batches


async def test_what_waits_is_heard_together(started: Callable[..., tuple[Asr, GatedTranscriber]]) -> None:
    assert await piled_up(*started(max_batch_size=4), 6) == [1, 4, 2]


async def test_batch_size_is_a_setting(started: Callable[..., tuple[Asr, GatedTranscriber]]) -> None:
    assert await piled_up(*started(max_batch_size=2), 4) == [1, 2, 2]


async def test_wait_for_company_is_a_setting(started: Callable[..., tuple[Asr, GatedTranscriber]]) -> None:
    for wait, sizes in ((0.0, [1, 1]), (1.0, [2])):
        asr, engine = started(batch_wait_timeout_s=wait, max_batch_size=2)
        first = asyncio.create_task(asr.transcribe(speech()))
        await asyncio.sleep(0.1)
        await asyncio.gather(first, asr.transcribe(speech()))
        assert engine.batches == sizes


async def test_a_bad_utterance_fails_alone(started: Callable[..., tuple[Asr, GatedTranscriber]]) -> None:
    asr, engine = started(batch_wait_timeout_s=0.2)
    bad = Utterance(Pcm(np.full(100, np.nan, np.float32), HEARING_RATE_HZ))
    good, failed = await asyncio.gather(asr.transcribe(speech()), asr.transcribe(bad), return_exceptions=True)
    assert isinstance(good, Transcript)
    assert isinstance(failed, BadInput)
    assert engine.batches == [2]
    await asr.check_health()


async def test_a_caller_that_goes_away_does_not_disturb_the_rest(
    started: Callable[..., tuple[Asr, GatedTranscriber]],
) -> None:
    asr, engine = started(batch_wait_timeout_s=0.1)
    engine.gate.clear()
    gone, stays = (asyncio.create_task(asr.transcribe(speech())) for _ in range(2))
    await asyncio.sleep(0.2)
    gone.cancel()
    engine.gate.set()
    assert (await stays).text == engine.text


@pytest.mark.parametrize("raises", [False, True])
async def test_health_fails_after_failed_batches_and_recovers(
    started: Callable[..., tuple[Asr, GatedTranscriber]], raises: bool
) -> None:
    asr, engine = started()
    engine.broken, engine.raises = (lambda: RuntimeError("broken") if raises else EngineFailed("broken")), raises
    for _ in range(3):
        with pytest.raises(EngineFailed if not raises else (EngineFailed, RuntimeError)):
            await asr.transcribe(speech())
    with pytest.raises(EngineFailed, match="last 3 batches"):
        await asr.check_health()
    engine.broken = None
    await asr.transcribe(speech())
    await asr.check_health()


async def test_health_does_not_block_the_event_loop(started: Callable[..., tuple[Asr, GatedTranscriber]]) -> None:
    asr, engine = started()
    engine.gate.clear()
    health = asyncio.create_task(asr.check_health())
    await asyncio.sleep(0.05)
    assert not health.done()
    engine.gate.set()
    await health


def test_a_replica_without_weights_does_not_start(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(WeightsMissing, match="avatar models pull"):
        Asr(AsrSettings(), WeightsSettings(cache_dir=tmp_path))


def test_the_deployment_takes_two_batches_at_once() -> None:
    application = build_asr(AsrSettings(batching=BatchSettings(max_batch_size=3)), WeightsSettings())
    deployment = application._bound_deployment
    assert deployment.name == "ASR"
    assert deployment.max_ongoing_requests == 6
    assert deployment.ray_actor_options == {"num_cpus": 0.15}
