"""What a soak looks at: processes, tasks that gateways tell of, the store; and the diary that everybody writes."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import diary as diary_module
from benchmarks.soak.diary import AnswerRow, Diary
from benchmarks.soak.watch import CLIENT, Watch, kept_in, process_of, processes_of, tasks_in

EXPORTED = """
# TYPE ray_avatar_gateway_tasks_count gauge
ray_avatar_gateway_tasks_count{application="avatar",deployment="Gateway",replica="a",task="Places._beat"} 1.0
ray_avatar_gateway_tasks_count{application="avatar",deployment="Gateway",replica="a",task="other"} 4.0
ray_avatar_gateway_tasks_count{application="avatar",deployment="Gateway",replica="b",task="other"} 2.0
ray_avatar_gateway_places_taken{application="avatar",deployment="Gateway",replica="b"} 99.0
"""


def test_processes_by_kind_with_what_they_hold() -> None:
    sleeper = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)", "ray::ServeReplica:avatar:TTS"]
    with subprocess.Popen(sleeper, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = {one.id: one for one in processes_of(os.getpid())}
        elsewhere = {one.id for one in processes_of(child.pid)}
        child.kill()
    me, other = found[os.getpid()], found[child.pid]
    assert me.kind == CLIENT and other.kind != CLIENT
    assert me.resident > other.resident > 2**20 and me.descriptors > 3 and other.threads == 1
    assert elsewhere == {child.pid, os.getpid()}, "who watches is always there"
    assert process_of(child.pid) is None, "it has ended"


def test_descriptors_that_are_opened_are_seen(tmp_path: Path) -> None:
    def mine() -> int:
        found = process_of(os.getpid())
        assert found is not None
        return found.descriptors

    before = mine()
    files = [(tmp_path / str(number)).open("w") for number in range(7)]
    assert mine() == before + 7
    for file in files:
        file.close()
    assert mine() == before


def test_tasks_are_those_of_the_gateway_with_the_most() -> None:
    assert tasks_in(EXPORTED) == {"Places._beat": 1, "other": 4} and tasks_in("") == {}


def test_the_store_is_counted(tmp_path: Path) -> None:
    (tmp_path / "portraits").mkdir()
    (tmp_path / "portraits" / "a").write_bytes(b"12345")
    (tmp_path / "b").write_bytes(b"678")
    assert kept_in(tmp_path) == (2, 8) and kept_in(None) == (0, 0) and kept_in(tmp_path / "nowhere") == (0, 0)


async def test_it_looks_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(os.getpid(), lambda: 1.5)
    assert not watch.hears and Watch(1, lambda: 0.0, lambda: ["http://x"]).hears

    async def exported() -> str:
        return EXPORTED

    monkeypatch.setattr(watch, "_exported", exported)
    looking = asyncio.create_task(watch.run(0.01))
    async with asyncio.timeout(20):
        while len(watch.samples) < 3:
            await asyncio.sleep(0.01)
    looking.cancel()
    sample = watch.samples[-1]
    assert sample.minutes == 1.5 and sample.client_tasks >= 2 and sum(sample.gateway_tasks.values()) == 5
    assert os.getpid() in {one.id for one in sample.processes}


async def test_an_exporter_that_is_away_is_no_trouble() -> None:
    assert (await Watch(os.getpid(), lambda: 0.0, lambda: ["http://127.0.0.1:9/metrics"]).look()).gateway_tasks == {}


def test_a_diary_tells_what_happened_and_when(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    diary = Diary(lambda: now[0])
    diary.note_upload("no face", 400)
    diary.note_upload("no face", 400)
    diary.note_upload("garbage", "1007")
    assert not diary.killed_within(1000)
    now[0] += 90
    diary.note_killed("TTS")
    now[0] += 10
    assert diary.killed_within(10.1) and not diary.killed_within(9.9)
    diary.note_answer(AnswerRow(diary.minutes(), "r", "completed", "", 1.0, 3.0, 2.0, 1.0, 0, 0.0))
    diary.note_trouble("at_capacity")
    diary.note_fate("resumed")
    monkeypatch.setattr(diary_module, "WRONG_KEPT", 2)
    for number in range(5):
        diary.note_wrong(f"thing {number}")
    told = diary.as_json()
    assert told["killed"] == [[1.5, "TTS"]] and told["minutes"] == pytest.approx(100 / 60)
    assert told["uploads"] == [
        {"name": "garbage", "status": "1007", "count": 1}, {"name": "no face", "status": "400", "count": 2}
    ]  # fmt: skip
    assert (told["wrong"], told["wrong_beyond"]) == (["1.7 min: thing 0", "1.7 min: thing 1"], 3)
    assert told["answers"][0]["end_offset_ms"] == 2.0 and told["troubles"] == {"at_capacity": 1}
    assert told["fates"] == {"resumed": 1}
