"""The speaking stage's Serve class, called without Serve."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.contracts import Cancellation, Pcm, SpeechRequest
from deployments.errors import EngineFailed, NotFound
from deployments.store.settings import StoreSettings
from deployments.store.store import VOICE_ENROLMENTS, Store
from deployments.tts import deployment
from deployments.tts.deployment import Tts, build_tts
from deployments.tts.settings import TtsSettings
from deployments.weights.settings import WeightsSettings
from tests.fakes.synthesizer import SECONDS_PER_WORD, FakeSynthesizer

pytestmark = pytest.mark.plain
HELLO = SpeechRequest("one two three four", "en", "")


class Breakable(FakeSynthesizer):
    broken = False

    def speak(self, request: SpeechRequest, cancellation: Cancellation) -> Iterator[Pcm]:
        if self.broken:
            raise RuntimeError("out of order")
        yield from super().speak(request, cancellation)


@pytest.fixture
def engine() -> Breakable:
    return Breakable()


@pytest.fixture
def store(tmp_path: Path) -> StoreSettings:
    return StoreSettings(url=str(tmp_path))


@pytest.fixture
def tts(engine: Breakable, store: StoreSettings, monkeypatch: pytest.MonkeyPatch) -> Tts:
    def build(settings: TtsSettings, weights: WeightsSettings, load: Any) -> Breakable:
        engine.load = load  # type: ignore[attr-defined]
        return engine

    monkeypatch.setattr(deployment, "build_engine", build)
    return Tts(TtsSettings(), WeightsSettings(), store)


async def test_speech_streams_piece_by_piece(tts: Tts) -> None:
    pieces = [piece async for piece in tts.speak(HELLO)]
    assert len(pieces) == 4
    assert sum(piece.seconds for piece in pieces) == pytest.approx(4 * SECONDS_PER_WORD)
    await tts.check_health()


async def test_closing_the_stream_stops_the_work_and_waits_for_the_thread(tts: Tts, engine: Breakable) -> None:
    engine.delay_seconds = 0.05
    stream = tts.speak(HELLO)
    await anext(stream)
    await stream.aclose()
    assert engine.running == 0


async def test_a_cancelled_request_frees_the_engine(tts: Tts, engine: Breakable) -> None:
    engine.delay_seconds = 0.1

    async def consume() -> None:
        async for _ in tts.speak(SpeechRequest("a b c d e f g h", "en", "")):
            pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.15)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.15)
    assert engine.running == 0
    assert len([piece async for piece in tts.speak(HELLO)]) == 4


async def test_errors_for_the_caller_come_through_and_are_no_illness(tts: Tts) -> None:
    for _ in range(4):
        with pytest.raises(NotFound, match="af_heart"):
            [piece async for piece in tts.speak(SpeechRequest("hello", "en", "nobody"))]
    await tts.check_health()


async def test_failures_in_a_row_make_it_ill_and_a_success_well_again(tts: Tts, engine: Breakable) -> None:
    engine.broken = True
    for _ in range(3):
        with pytest.raises(EngineFailed, match="out of order"):
            [piece async for piece in tts.speak(HELLO)]
    with pytest.raises(EngineFailed, match="3 times"):
        await tts.check_health()
    engine.broken = False
    assert [piece async for piece in tts.speak(HELLO)]
    await tts.check_health()


async def test_enrolled_voices_are_loaded_from_the_store(tts: Tts, engine: Breakable, store: StoreSettings) -> None:
    sample = Pcm(0.1 * np.sin(np.arange(64_000) / 20).astype(np.float32), 16_000)
    blob = await tts.enrol(sample)
    Store(store.url).put(VOICE_ENROLMENTS, "mine", blob)
    assert engine.load("mine") == blob  # type: ignore[attr-defined]
    assert {voice["id"] for voice in await tts.voices()} >= {"af_heart", "ef_dora", "zf_xiaoxiao"}


def test_the_application_is_called_tts_and_asks_for_little(store: StoreSettings) -> None:
    built = build_tts(TtsSettings(), WeightsSettings(), store)
    options = built._bound_deployment
    assert options.name == "TTS"
    assert options.ray_actor_options["num_cpus"] == 0.2
    assert options._deployment_config.max_queued_requests == 16
