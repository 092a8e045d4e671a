"""What counts as a leak in a soak, and what does not; and its picture."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.realtime_memory import thirds
from benchmarks.record import Record, read_record
from benchmarks.report import write_report
from benchmarks.soak.diary import AnswerRow, Diary
from benchmarks.soak.plot import lines_of
from benchmarks.soak.series import growth_in_lives, series_of
from benchmarks.soak.verdict import Limits, Verdict, Watched, verdict
from benchmarks.soak.watch import CLIENT, OTHERS, Process, Sample

MIB = 2**20
Change = Callable[[float, Process], Process]


def unchanged(minutes: float, process: Process) -> Process:
    return process


def samples(change: Change = unchanged, minutes: float = 60.0, **fields: Any) -> list[Sample]:
    """One each half minute: a client, a proxy, a TTS that is another process every eight minutes."""
    found = []
    for number in range(round(minutes * 2)):
        now = number / 2
        life = int(now // 8)
        started = Process(100 + life, "TTS", 400 * MIB, 60, 20)
        processes = [Process(1, CLIENT, 300 * MIB, 40, 8), Process(2, "ProxyActor", 90 * MIB, 50, 30), started]
        changed = tuple(change(now - (8 * life if one.kind == "TTS" else 0), one) for one in processes)
        found.append(replace(rest(processes=changed), minutes=now, **fields))
    return found


def rest(**fields: Any) -> Sample:
    processes = (Process(1, CLIENT, 300 * MIB, 40, 8), Process(2, "ProxyActor", 90 * MIB, 50, 30))
    return replace(Sample(0.0, processes, {"Places._beat": 1, "other": 9}, 5, 3, 1000), **fields)


def judged(watched: list[Sample], diary: Diary | None = None, after: Sample | None = None) -> Verdict:
    return verdict(Watched(diary or answered(), watched, rest(), after or rest()))


def answered() -> Diary:
    """Of a soak in which somebody was answered."""
    diary = Diary()
    diary.note_answer(AnswerRow(1.0, "regular", "completed", "", 1.5, 4.0, None, None, 0, 0.0))
    return diary


def test_a_soak_that_saw_nothing_is_not_well() -> None:
    nothing = verdict(Watched(Diary(), [], rest(), rest(gateway_tasks={}), ("TSS",)))
    assert nothing.wrong == [
        "nothing was watched",
        "not one answer was completed",
        "no replica of TSS was found to be killed",
        "at rest no gateway has told of its tasks",
    ]


def test_what_stays_as_it_is_is_well() -> None:
    found = judged(samples())
    assert found.wrong == [] and found.figures["memory_and_descriptors_judged"]
    measures = {measure.key: measure.samples for measure in found.measures}
    assert measures["wrong"] == (0,) and measures["resident_growth [kind=TTS]"] == measures[
        "threads_growth [kind=total]"
    ] == (0,)
    json.dumps(found.figures)


def grows(kind: str, field: str, a_minute: float) -> Change:
    def change(minutes: float, process: Process) -> Process:
        if process.kind != kind:
            return process
        return replace(process, **{field: getattr(process, field) + round(a_minute * minutes)})

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (grows("ProxyActor", "resident", 2 * MIB), "ProxyActor has grown from"),
        (grows(CLIENT, "resident", 4 * MIB), "client has grown from"),
        (grows("ProxyActor", "descriptors", 0.5), "ProxyActor has gone from"),
        (grows(CLIENT, "threads", 0.5), "threads"),
        (grows("TTS", "descriptors", 3), "TTS gains 3.0 descriptors in each minute of its life"),
    ],
)
def test_leaks_are_found_also_in_processes_that_are_killed_again_and_again(change: Change, words: str) -> None:
    wrong = judged(samples(change)).wrong
    assert any(words in what for what in wrong), wrong


def test_a_little_of_each_is_too_much_together() -> None:
    def change(minutes: float, process: Process) -> Process:
        return replace(process, resident=process.resident + round(0.8 * MIB * minutes if process.id < 3 else 0))

    assert judged(samples(change)).wrong == ["all together have grown from 818 to 872 MiB"]


def test_more_replicas_are_no_leak() -> None:
    def scaled(number: int, sample: Sample) -> Sample:
        more = Process(900, "TTS", 400 * MIB, 60, 20)
        return replace(sample, processes=(*sample.processes, more)) if number > 60 else sample

    assert judged([scaled(number, sample) for number, sample in enumerate(samples())]).wrong == []


def test_a_short_soak_is_not_judged_by_its_memory() -> None:
    found = judged(samples(grows("ProxyActor", "resident", 30 * MIB), minutes=5))
    assert found.wrong == [] and not found.figures["memory_and_descriptors_judged"]


def test_what_is_left_behind_at_rest() -> None:
    busy = rest(gateway_tasks={"Places._beat": 1, "Session.run": 7, "other": 9}, client_tasks=50)
    more = tuple(replace(one, descriptors=one.descriptors + 40) for one in rest().processes)
    wrong = judged(samples(), after=replace(busy, processes=more)).wrong
    assert wrong == [
        "at rest ProxyActor has 90 descriptors, and had 50",
        "at rest client has 80 descriptors, and had 40",
        "at rest a gateway has 7 tasks of Session.run, and had 0",
        "at rest the client has 50 tasks, and had 5",
    ]
    silent = rest(gateway_tasks={})
    assert verdict(Watched(answered(), samples(), silent, silent)).wrong == [], "a server that does not tell of them"


def row(minutes: float, offset: float | None, status: str = "completed") -> AnswerRow:
    return AnswerRow(minutes, "regular 1", status, "", 1.5, 4.0, offset, offset, 0, 0.2)


def test_drift_that_grows_from_answer_to_answer() -> None:
    steady, drifting = Diary(), Diary()
    for number in range(30):
        steady.note_answer(row(number, 12.0 + number % 5))
        drifting.note_answer(row(number, 1.0 * number))
    steady.note_answer(row(31, None, "failed"))
    found = judged(samples(), steady)
    measures = {measure.key: measure.samples for measure in found.measures}
    assert found.wrong == [] and len(measures["end_offset"]) == 30
    assert measures["completed_share"] == pytest.approx((30 / 31,))
    (wrong,) = judged(samples(), drifting).wrong
    assert "ends of picture and sound have moved" in wrong


def test_what_the_diary_calls_wrong_is_wrong() -> None:
    diary = answered()
    diary.note_wrong("the session could not be resumed")
    found = judged(samples(), diary)
    assert found.wrong == ["0.0 min: the session could not be resumed"] and found.measures[0].samples == (1,)


def test_what_rays_daemons_keep_of_each_worker_is_measured_and_not_judged() -> None:
    def keeping(number: int, sample: Sample) -> Sample:
        daemon = Process(3, "log_monitor.py", 80 * MIB, 40 + number, 8)
        return replace(sample, processes=(*sample.processes, daemon))

    found = judged([keeping(number, sample) for number, sample in enumerate(samples())])
    growth = {measure.key: measure.samples for measure in found.measures}
    assert found.wrong == [] and growth[f"descriptors_growth [kind={OTHERS}]"][0] > 50


def test_limits_can_be_turned() -> None:
    growing = samples(grows("ProxyActor", "resident", 2 * MIB))
    generous = Limits(total_share=1, kind_share=5)
    assert verdict(Watched(answered(), growing, rest(), rest()), generous).wrong == []


def test_lines_over_time() -> None:
    found = series_of([rest(), rest(processes=(Process(1, CLIENT, 10, 1, 1),), gateway_tasks={})])
    assert found["resident_bytes"]["ProxyActor"] == [90 * MIB, None] and found["resident_bytes"]["total"][1] is None
    assert found["gateway_tasks"] == [10, None] and found["descriptors"]["total"] == [50, None]
    assert thirds([(0, 1), (1, 2), (2, 3)]) == (1, 3) and thirds([(0, 5)]) == (5, 5)
    assert growth_in_lives(samples(minutes=1), "TTS", lambda one: one.threads) is None, "nobody lived for long"


def test_a_panel_holds_few_lines() -> None:
    columns = {f"daemon {number}": [number, None] for number in range(20)} | {"total": [999, 0], "TTS": [1, None]}
    assert lines_of(columns) == {"total": [999, 0], OTHERS: [190, 0], "TTS": [1, None]}
    assert lines_of({"TTS": [None]}) == {"TTS": [None]}


def test_a_soak_is_drawn_over_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    diary = Diary()
    for number in range(40):
        diary.note_answer(row(1.4 * number, 12.0, "completed" if number % 7 else "cancelled"))
    diary.note_answer(replace(row(20, None, "failed"), first_seconds=None))
    diary.killed.extend([(12.0, "TTS"), (30.0, "Video")])
    found = judged(samples(), diary)
    machine = {"processor": "Some CPU", "usable_cores": 2, "measured_at": "2026-01-01T10:00:00"}
    Record("soak", [], {}, machine, {}, {}, found.measures, found.figures).write(tmp_path / "soak-1.json")
    assert read_record(tmp_path / "soak-1.json").figures["diary"]["killed"] == [[12.0, "TTS"], [30.0, "Video"]]
    page, picture = write_report(tmp_path, tmp_path)
    assert "soak-1.png" in page.read_text() and picture.read_bytes().startswith(b"\x89PNG")
