"""The realtime benchmarks run through, over fakes: one turn, one interruption, one echo, beside idle sockets."""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import benchmarks.realtime
import benchmarks.realtime_echo
import benchmarks.realtime_memory
from benchmarks.realtime import measure
from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.samples.catalogue import question
from tests.door.live import served_in_thread
from tests.fakes.stages import FakeStages


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for module in (benchmarks.realtime, benchmarks.realtime_echo, benchmarks.realtime_memory):
        monkeypatch.setattr(module, "LANGUAGES", ("en",))
        monkeypatch.setattr(module, "of_language", lambda language: [question("en-sky")])
    stages = FakeStages(delays={"speak_piece": 0.05})
    app = create_app(stages, Store(tmp_path / "store"), GatewaySettings(), ConversationSettings())
    with served_in_thread(app) as url:
        yield url


async def test_a_turn_and_an_interruption_beside_idle_sockets(url: str) -> None:
    options = argparse.Namespace(turns=1, interruptions=1, idle_sockets=3, detect_language=False)
    figures = await measure(url, options)
    (row,), (cut,) = figures["rows"], figures["rows_of_interruptions"]
    assert "failure" not in row, row
    assert 0.4 < row["end_of_speech_silence_seconds"] < row["first_speech_seconds"] < 5
    assert row["heard"] == FakeStages.heard and row["reply"].replace(" ", "") and row["media_after_the_end"] == 0
    assert row["media_seconds"] > 2 and len(row["arrivals"]) > 3
    assert 0 < cut["speech_to_started_seconds"] < 3 and cut["media_after_the_end"] == 0
    assert figures["beside_idle_sockets"]["messages"] == 0, "an idle socket sends nothing"


async def test_an_echo_does_not_interrupt(url: str) -> None:
    figures = await benchmarks.realtime_echo.measure(url, 1, 0.1, 0.12)
    assert figures["echo_seconds"] > 1 and figures["turns_with_false_interruption"] == 0, figures


async def test_memory_is_sampled_while_people_talk(url: str) -> None:

    figures = await benchmarks.realtime_memory.converse(url, os.getpid(), minutes=0.1, every_seconds=2)
    assert figures["turns"] >= 1 and figures["failures"] == 0
    assert figures["trends"]["total"]["first_third_bytes"] > 1e7
