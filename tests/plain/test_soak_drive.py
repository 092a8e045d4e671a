"""Everybody in a soak at once: who falls over is noted and begins again, replicas die, and in the end all is calm."""

import asyncio
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.replicas import kill_now_and_then, replicas
from benchmarks.scenarios.contracts import Bench
from benchmarks.scenarios.registry import scenario
from benchmarks.soak import drive as drive_module
from benchmarks.soak.diary import AnswerRow, Diary
from benchmarks.soak.drive import Place, Plan, everybody, rested, soak
from benchmarks.soak.scenario import changes_of, plan_of, sounds, store_folder
from benchmarks.soak.verdict import verdict
from benchmarks.soak.watch import Sample, Watch
from benchmarks.visitor import Tally
from serve_app.args import AppArgs

NOWHERE = Place("http://127.0.0.1:9")
PLAN = Plan(
    minutes=0.04, process_id=os.getpid(), every_seconds=0.2, rest_seconds=0.1, settle_seconds=0, patience_seconds=2
)


class Talker:
    """Answers well every now and then, until it falls over for the first time."""

    falls = 0

    def __init__(self, url: str, diary: Diary, *rest: Any, **more: Any) -> None:
        self.diary = diary

    async def run(self, until_minutes: float) -> None:
        while self.diary.minutes() < until_minutes:
            self.diary.note_answer(
                AnswerRow(self.diary.minutes(), "regular 1", "completed", "", 1.0, 2.0, 5.0, 1.0, 0, 0.0)
            )
            await asyncio.sleep(0.05)
            if not Talker.falls:
                Talker.falls += 1
                raise ZeroDivisionError("once")


class Idler(Talker):
    async def run(self, until_minutes: float) -> None:
        await asyncio.sleep(0.02)


class Stuck(Talker):
    async def run(self, until_minutes: float) -> None:
        await asyncio.sleep(1000)


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    Talker.falls = 0
    for name in ("Regular", "Slow", "Vandal", "_Visiting"):
        monkeypatch.setattr(drive_module, name, Talker if name == "Regular" else Idler)


def silence() -> np.ndarray:
    return np.zeros(1, np.float32)


@pytest.mark.usefixtures("fakes")
async def test_who_falls_over_is_noted_and_begins_again() -> None:
    told: list[str] = []
    watched = await soak(NOWHERE, PLAN, silence, told.append)
    assert len(watched.diary.answers) > 3 and len(watched.samples) >= 2
    assert "0 of" in told[0] and "calm" in told[-1]
    (wrong,) = verdict(watched).wrong
    assert "regular 1 fell over: ZeroDivisionError('once')" in wrong


@pytest.mark.usefixtures("fakes")
async def test_who_does_not_end_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive_module, "_Visiting", Stuck)
    monkeypatch.setattr(drive_module, "Slow", Stuck)
    watched = await soak(NOWHERE, replace(PLAN, patience_seconds=0.2), silence, lambda text: None)
    assert any("visitor 1 has not come to an end" in what for what in watched.diary.wrong)
    assert not any("slow" in what for what in watched.diary.wrong), "who is slow just leaves"


@pytest.mark.usefixtures("fakes")
async def test_a_watch_that_falls_over_is_not_missing_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    async def blind(watch: Any, every_seconds: float) -> None:
        raise ZeroDivisionError("no eyes")

    monkeypatch.setattr(Watch, "run", blind)
    watched = await soak(NOWHERE, PLAN, silence, lambda text: None)
    assert any("the watch fell over: ZeroDivisionError('no eyes')" in what for what in watched.diary.wrong)


def test_as_many_as_were_asked_for_take_part() -> None:
    plan = Plan(regulars=2, visitors=3, slow=0, vandals=1)
    found = everybody(NOWHERE, plan, Diary(), silence, Tally())
    names = ["regular 1", "regular 2", "visitor 1", "visitor 2", "visitor 3", "vandal 1"]
    assert [name for name, _ in found] == names
    assert [type(make()).__name__ for _, make in found] == [*["Regular"] * 2, *["_Visiting"] * 3, "Vandal"]


async def test_a_replica_dies_now_and_then() -> None:
    command = ["ray::ServeReplica:avatar:TTS", "-c", "import time; print(flush=True); time.sleep(60)"]
    with subprocess.Popen(command, executable=sys.executable, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert replicas(os.getpid()) == {"TTS": [child.pid]}
        killed: list[str] = []
        killing = kill_now_and_then(os.getpid(), ["Video", "TTS"], 0.02, random.Random(1), killed.append)
        task = asyncio.create_task(killing)
        assert await asyncio.to_thread(child.wait, 20) == -9
        task.cancel()
    assert killed == ["TTS"], "there is no Video that could die"


async def test_calm_is_waited_for() -> None:
    class Calming:
        """A watch that sees ever fewer tasks."""

        hears, looks = True, 0

        async def look(self) -> Sample:
            self.looks += 1
            return Sample(0.0, (), {"Session.run": 9 - 4 * self.looks}, 1, 0, 0)

    before = Sample(0.0, (), {"Session.run": 1}, 1, 0, 0)
    watch: Any = Calming()
    start = time.monotonic()
    assert (await rested(watch, before, 20)).gateway_tasks == {"Session.run": 1} and watch.looks == 2
    assert (await rested(watch, None, 20)).gateway_tasks and time.monotonic() - start < 15
    impatient: Any = Calming()
    assert (await rested(impatient, before, 0)).gateway_tasks == {"Session.run": 5}


async def test_an_exporter_that_says_nothing_for_once_does_not_make_it_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [{}, {"Session.run": 1}]

    class Hoarse:
        hears = True

        async def look(self) -> Sample:
            return Sample(0.0, (), said.pop(0), 1, 0, 0)

    async def at_once(seconds: float) -> None: ...

    monkeypatch.setattr(asyncio, "sleep", at_once)
    watch: Any = Hoarse()
    before = Sample(0.0, (), {"Session.run": 1}, 1, 0, 0)
    assert (await rested(watch, before, 20)).gateway_tasks == {"Session.run": 1}


def test_options_become_a_plan() -> None:
    entry = scenario("soak")
    options = {option.name: option.default for option in entry.options} | {"minutes": 3.0, "kill": "TTS  Video"}
    args = AppArgs.model_validate({"realtime": {"stall_seconds": 3}, "store": {"url": "memory://here"}})
    plan = plan_of(Bench(options, lambda text: None), 77, args)
    assert (plan.minutes, plan.kill, plan.kill_seconds, plan.process_id) == (3.0, ["TTS", "Video"], 90.0, 77)
    assert (plan.regulars, plan.visitors, plan.slow, plan.vandals, plan.seed) == (1, 1, 1, 1, 1)
    assert changes_of(Bench(options, lambda text: None)) == {"coordinator": {"max_people": 4}}
    first, again = sounds(3), sounds(3)
    assert np.array_equal(first(), again()) and first().dtype == np.float32
    assert plan.limits.stall_seconds == 3 and store_folder(args) is None and store_folder(AppArgs()) is not None
