"""What processes have worked, by their part in the application."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.processor_time import processor_seconds, worked_between
from benchmarks.scenarios import profile
from benchmarks.scenarios.profile import SERVING, measures, worked

WORK = "import time\nuntil = time.process_time() + 0.3\nwhile time.process_time() < until: pass\n"


def test_work_is_counted_for_the_kind_of_process_that_did_it(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORK + "time.sleep(30)\n")
    child = subprocess.Popen([sys.executable, str(script)])
    try:
        before = processor_seconds(os.getpid())
        assert child.pid in before
        end = time.monotonic() + 30
        while (done := worked_between(before, processor_seconds(os.getpid()))).get("worker.py", 0) < 0.15:
            assert time.monotonic() < end, done
            time.sleep(0.05)
    finally:
        child.kill()
        child.wait()
    assert child.pid not in processor_seconds(os.getpid())


def test_a_process_that_began_meanwhile_counts_as_a_whole_and_one_that_ended_not_at_all() -> None:
    before = {1: ("LLM", 5.0), 2: ("TTS", 9.0)}
    after = {1: ("LLM", 7.0), 3: ("LLM", 0.5)}
    assert worked_between(before, after) == {"LLM": 2.5}


def test_what_makes_nothing_of_the_answer_is_serving(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[int, tuple[str, float]]] = [
        {1: ("LLM", 1.0), 2: ("ServeController", 1.0), 3: ("gcs_server", 0.0)},
        {1: ("LLM", 3.0), 2: ("ServeController", 1.5), 3: ("gcs_server", 0.5)},
    ]
    monkeypatch.setattr(profile, "processor_seconds", lambda process_id: seen.pop(0))
    row = worked(1, lambda: {"media_seconds": 4.0, "reply": "Yes."})
    assert (row["LLM"], row[SERVING], row["total"]) == (0.5, 0.25, 0.75)
    assert row["processes"] == {"LLM": 0.5, "ServeController": 0.125, "gcs_server": 0.125}


def test_rest_is_measured_in_parts_after_a_while_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(profile, "time", SimpleNamespace(sleep=slept.append, perf_counter=time.perf_counter))
    monkeypatch.setattr(profile, "processor_seconds", lambda process_id: {1: ("gcs_server", 3.0)})
    assert profile._idle(1, 0.0) == [] and slept == []
    assert [row["media_seconds"] for row in profile._idle(1, 30.0)] == [10.0] * 3 and slept == [10] * 4


def test_a_stage_that_did_nothing_has_no_measure() -> None:
    row: dict[str, Any] = {"of": "en", "ASR": 0.0, "LLM": 0.4, "TTS": 0.0, "Video": 0.0, "Gateway": 0.0, SERVING: 0.1}
    found = {one.group["part"]: one for one in measures("question", [row | {"total": 0.5}])}
    assert set(found) == {"LLM", SERVING, "total"}
    assert found["total"].samples == (0.5,) and found["total"].name == "cpu_seconds_per_media_second"
    assert {one.name for one in measures("nothing", [row | {"total": 0.5}])} == {"cpu_seconds_per_second"}
