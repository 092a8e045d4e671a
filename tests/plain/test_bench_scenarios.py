"""Scenarios as data, frames by what becomes of them, batches, tables, plots and reports."""

import argparse
import builtins
import json
from pathlib import Path
from typing import Any

import pytest

import benchmarks.realtime
from benchmarks.configuration import changed_configuration
from benchmarks.plots import label_of, panels_of, plot
from benchmarks.record import Measure, Record
from benchmarks.report import write_report
from benchmarks.scenarios.batch import measured, of_animator, of_transcriber
from benchmarks.scenarios.contracts import Bench, Outcome, Scenario
from benchmarks.scenarios.jobs import measured as measured_jobs
from benchmarks.scenarios.playing import frame_counts, streamed_measures, streamed_row, whole_measures, whole_row
from benchmarks.scenarios.registry import SCENARIOS, scenario
from benchmarks.scenarios.running import Wanted, perform, recorded
from benchmarks.scenarios.speakers import levels
from benchmarks.serve_cost import measured as measured_serve
from benchmarks.tables import as_markdown, as_text, shown
from deployments.errors import BadInput, EngineFailed, NotFound, Unsupported
from serve_app.cli.main import main, parser
from tests.fakes.animator import FakeAnimator
from tests.fakes.transcriber import FakeTranscriber


def quiet(text: str) -> None:
    """Nobody is told."""


def test_every_scenario_can_be_loaded_and_asked_for() -> None:
    wanted = {"turn", "spoken", "sustained", "speakers", "idle", "jobs", "batch", "cold", "serve"}
    assert wanted <= {entry.name for entry in SCENARIOS}
    for entry in SCENARIOS:
        assert callable(entry.load()) and entry.summary and entry.minutes > 0
        words = parser().parse_args(["bench", "run", entry.name])
        given = {option.name: getattr(words, option.name) for option in entry.options}
        assert given == {
            option.name: list(option.default) if isinstance(option.default, tuple) else option.default
            for option in entry.options
        }
        assert hasattr(words, "url") is entry.remote
    with pytest.raises(NotFound, match="sustained"):
        scenario("nothing")


def test_frames_by_what_becomes_of_them() -> None:
    in_time = [(1.0, 5, 9), (1.1, 5, 9), (1.35, 5, 9)]
    assert frame_counts(in_time, 0.6, 0.0) == {
        "useful_frames": 15, "late_frames": 0, "filled_frames": 0, "dropped_frames": 0
    }  # fmt: skip
    stalls_once = [(1.0, 5, 9), (2.0, 5, 9), (2.1, 5, 9)]
    counts = frame_counts(stalls_once, 1.0, 0.2)
    assert counts == {"useful_frames": 5, "late_frames": 5, "filled_frames": 5, "dropped_frames": 10}
    assert frame_counts([], 0.0, 0.0)["useful_frames"] == 0


def test_a_streamed_turn_as_measures() -> None:
    turn = {"media_seconds": 0.4, "filled_seconds": 0.0, "timings": {"first_token": 0.3, "tts": 0.2, "total": 1.0}}
    row: dict[str, Any] = {"question": "a.wav", "arrivals": [[1.0, 5, 9], [1.1, 5, 9]], "turn": turn}
    row |= {"first_fragment_seconds": 1.0, "stall_free_start_seconds": 1.0, "worst_lateness_seconds": 0.0}
    found = {
        measure.key: measure for measure in streamed_measures([streamed_row(row)] * 3, "question", {"speakers": 2})
    }
    assert found["stage_tts [speakers=2]"].samples == (0.2,) * 3 and "stage_total [speakers=2]" not in found
    assert found["useful_frames [speakers=2]"].better == "neither"
    assert found["late_frames [speakers=2]"].samples == (0.0,) * 3
    assert found["first_fragment_seconds [speakers=2]"].blocks == ("a.wav",) * 3


def test_a_given_text_asks_nothing_of_the_language_model() -> None:
    turn = {"media_seconds": 4.0, "timings": {"llm": 1.8, "tts": 0.5, "total": 2.0}}
    assert "whole_llm" not in whole_row(2.0, turn)
    answered = {"media_seconds": 4.0, "timings": {"first_token": 0.2, "llm": 1.8, "total": 2.0}}
    assert whole_row(2.0, answered)["whole_llm"] == 1.8


def test_real_time_factor_counts_enrolment_apart() -> None:
    turn = {"media_seconds": 4.0, "timings": {"tts": 0.5, "first_media": 0.4, "total": 2.0}}
    row = whole_row(2.0, turn, enrolment_seconds=1.0)
    assert (row["real_time_factor"], row["real_time_factor_with_enrolment"]) == (0.5, 0.75)
    assert (row["media_seconds_per_second"], row["videos_per_hour"]) == (2.0, 1800)
    better = {measure.name: measure.better for measure in whole_measures([row, row])}
    assert better["real_time_factor"] == "lower" and better["media_seconds_per_second"] == "higher"
    assert "whole_tts" in better and "whole_first_media" not in better and better["media_seconds"] == "neither"
    assert "real_time_factor_with_enrolment" not in whole_row(2.0, turn)


def test_speakers_double_up_to_the_most() -> None:
    assert [list(levels(most)) for most in (1, 2, 6, 8)] == [[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8]]


def test_batches_of_pictures_and_of_utterances() -> None:
    bench = Bench({"sizes": (1, 3), "steps": 4}, quiet)
    animator = FakeAnimator()
    _, found = measured(of_animator(animator), "video", bench)
    by_key = {measure.key: measure for measure in found}
    assert by_key["batch_seconds [stage=video, batch=3]"].spread.count == 4
    assert min(by_key["media_seconds_per_second [stage=video, batch=3]"].samples) > 0
    assert len({step.seed for step in animator.steps}) == 3, "streams are different ones"
    transcriber = FakeTranscriber()
    _, heard = measured(of_transcriber(transcriber), "asr", bench)
    assert len(heard) == 6 and all(measure.spread.min >= 0 for measure in heard)


def test_jobs_and_serve_as_measures() -> None:
    row = {"language": "en", "media_seconds": 10.0, "worker": "a", "total": 5.0, "tts": 2.0, "video": 2.5, "queued": 9}
    found = {"rows": [row, {**row, "worker": "b"}], "seconds": 8.0, "resident_bytes": {"TTS": 10, "Video": 5}}
    by_name = {measure.name: measure for measure in measured_jobs(found, 2)}
    assert by_name["media_seconds_per_second"].samples == (2.5,) and by_name["videos_per_hour"].samples == (900,)
    assert by_name["factor"].samples == (0.5, 0.5) and by_name["workers_at_work"].samples == (2,)
    assert by_name["resident"].samples == (15,) and by_name["tts"].group == {"replicas": 2}
    over = [{"question": "a", "seconds": 1.1}, {"question": "b", "seconds": 2.4}]
    here = [{"question": "a", "seconds": 1.0}, {"question": "b", "seconds": 2.0}]
    (added,) = [measure for measure in measured_serve(over, here) if measure.name == "serve_adds"]
    assert added.samples == pytest.approx((0.1, 0.2))


def test_idle_sockets_as_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    async def turns(url: str, options: argparse.Namespace) -> dict[str, Any]:
        print("a turn")  # what the real one does
        assert (url, options.turns, options.idle_sockets) == ("http://there", 2, 9)
        good = {"question": "en-sky", "first_speech_seconds": 1.5, "filled_seconds": 0.0}
        beside = {"sockets": 9, "messages": 0}
        rows = {"rows": [good, good], "rows_beside_idle_sockets": [good, {"question": "en-sky", "failure": "late"}]}
        return {"beside_idle_sockets": beside, **rows}

    monkeypatch.setattr(benchmarks.realtime, "measure", turns)
    bench = Bench({"turns": 2, "sockets": 9}, told.append, "http://there")
    found = {measure.key: measure.samples for measure in scenario("idle").load()(bench).measures}
    assert found["first_speech_seconds [idle_sockets=0]"] == (1.5, 1.5) and "a turn" in told
    assert found["failed [idle_sockets=9]"] == (0, 1) and found["messages_to_idle_sockets"] == (0,)


def test_spoken_turns_as_measures() -> None:
    good = {"question": "en-sky", "first_speech_seconds": 1.5, "stalls": [[1, 2.0]]}
    figures: dict[str, Any] = {"rows": [good, {"failure": "late"}], "rows_beside_idle_sockets": []}
    figures["rows_of_interruptions"] = [{"started_to_last_media_seconds": 0.1}]
    found = {measure.key: measure.samples for measure in benchmarks.realtime.measures_in(figures)}
    assert found["stalls [beside=nobody]"] == (1,) and found["started_to_last_media_seconds"] == (0.1,)
    assert found["first_speech_seconds [beside=nobody]"] == (1.5,)


def test_a_configuration_with_other_args_and_deployments() -> None:
    import yaml

    changes = {"autoscaling_config": {"min_replicas": 3}}
    with changed_configuration({"jobs": {"workers": 3}}, deployments={"Video": changes, "New": {}}) as path:
        (application,) = yaml.safe_load(Path(path).read_text())["applications"]
    deployments = {one["name"]: one for one in application["deployments"]}
    assert application["args"]["jobs"] == {"workers": 3} and application["args"]["asr"] == {"threads": 2}
    assert deployments["Video"]["autoscaling_config"]["min_replicas"] == 3
    assert deployments["Video"]["autoscaling_config"]["max_replicas"] == 2 and "New" in deployments


def test_a_run_leaves_its_record(tmp_path: Path) -> None:
    told: list[str] = []

    def run(bench: Bench) -> Outcome:
        bench.tell("at it")
        bench.changes |= {"llm": {"seed": 1}}
        return Outcome([Measure("a", "s", (1.0, 2.0))], {"more": 3})

    wanted = Wanted({"turns": 2}, Path("serve_config.yaml").absolute(), ["avatar", "bench"], folder=tmp_path)
    path, record = recorded("thing", run, wanted, told.append)
    assert told == ["at it"] and record.figures["more"] == 3 and record.arguments == {"turns": 2}
    assert record.configuration["file"] == "serve_config.yaml" and record.configuration["changes"] == {
        "llm": {"seed": 1}
    }
    assert json.loads(path.read_text())["command"] == ["avatar", "bench"]
    with pytest.raises(EngineFailed, match="nothing"):
        recorded("thing", lambda bench: Outcome([]), wanted, quiet)

    def fail(bench: Bench) -> Outcome:
        raise RuntimeError("port is taken")

    with pytest.raises(EngineFailed, match="port is taken"):
        recorded("thing", fail, wanted, quiet)
    own = Scenario("own", "", "benchmarks.scenarios.cold", (), 1, remote=False)
    with pytest.raises(BadInput, match="--url"):
        perform(own, Wanted({}, wanted.config, [], "http://127.0.0.1:1"), quiet)


def thing(name: str = "thing", **fields: Any) -> Record:
    machine = {"processor": "Some CPU", "usable_cores": 2, "measured_at": "2026-01-01T10:00:00", "gpus": []}
    measures = [
        Measure("first_fragment_seconds", "s", (1.0, 1.2, 1.1), group={"speakers": 1}),
        Measure("first_fragment_seconds", "s", (2.0, 2.2, 2.1), group={"speakers": 2}),
        Measure("seconds", "s", (1.0, 2.0), group={"way": "over Serve"}),
        Measure("resident", "bytes", (2e9,)),
    ]
    known: dict[str, Any] = {"command": [], "arguments": {"sizes": [1, 2]}, "load": {"before": {"average": [9, 1, 1]}}}
    known |= {"configuration": {"file": "a.yaml", "sha256": "ab" * 32}, "figures": {}, "measures": measures}
    return Record(name, machine=machine, **(known | fields))


def test_a_folder_becomes_a_page_with_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    thing().write(tmp_path / "thing-1.json")
    thing(measures=[]).write(tmp_path / "old.json")
    (tmp_path / "other.json").write_text("[1]")
    assert main(["bench", "report", str(tmp_path)]) == 0
    assert "report.md" in capsys.readouterr().out
    page = (tmp_path / "report.md").read_text()
    for part in (
        "## thing",
        "thing-1.png",
        "| resident | bytes | 2000.0 MB |",
        "abababababab",
        "sizes 1 2",
        "quiet machine",
    ):
        assert part in page
    assert "old.json, other.json" in page
    assert (tmp_path / "thing-1.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_a_typed_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unsupported, match=r"\[plots\]"):
        plot(thing(), tmp_path / "a.png")
    thing().write(tmp_path / "thing.json")
    assert write_report(tmp_path, tmp_path / "out", plots=False) == [tmp_path / "out" / "report.md"]
    with pytest.raises(NotFound, match="bench run"):
        write_report(tmp_path / "out", tmp_path)


def test_panels_are_few_and_the_telling_ones_first() -> None:
    many = [Measure(f"m{number}", "s", (1.0,)) for number in range(40)]
    stages = [Measure(f"stage_{name}", "s", (1.0,), group={"language": "en"}) for name in ("tts", "video")]
    frames = [Measure("late_frames", "frames", (1.0,)), Measure("speakers_without_late_frames", "", (1.0,))]
    factors = [Measure("real_time_factor", "s/s", (1.0,), group={"n": number}) for number in (1, 2)]
    found = panels_of([*many, *stages, *frames, *factors])
    assert len(found) == 12 and list(found)[:3] == ["real_time_factor", "by stage", "frames"]
    assert [label_of(measure) for measure in found["by stage"]] == ["tts en", "video en"]
    assert found["frames"] == frames[:1], "people are no frames"


def test_compare_tells_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def written(name: str, factor: float) -> str:
        samples = tuple(factor * (1 + 0.01 * (number % 3)) for number in range(12))
        return str(thing(measures=[Measure("first", "s", samples)]).write(tmp_path / name))

    old, same, slow = written("a.json", 1.0), written("b.json", 1.0), written("c.json", 1.5)
    assert main(["bench", "compare", old, same, "--fail"]) == 0
    assert "0 differences exceed" in capsys.readouterr().out
    assert main(["bench", "compare", old, slow]) == 0
    said = capsys.readouterr().out
    assert "worse" in said and "+50.0%" in said and "busy" in said
    assert main(["bench", "compare", old, slow, "--fail"]) == 1
    assert main(["bench", "compare", slow, old, "--fail"]) == 0, "better is no failure"
    capsys.readouterr()
    assert main(["bench", "compare", old, same, "--all"]) == 0
    assert "same" in capsys.readouterr().out
    assert main(["bench", "compare", old, str(tmp_path / "nothing.json")]) == 1
    assert main(["bench", "compare", old, same, "--least", "2"]) == 1
    assert main(["bench", "report", str(tmp_path / "nowhere")]) == 1


def test_list_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "list"]) == 0
    said = capsys.readouterr().out
    assert all(entry.name in said for entry in SCENARIOS)
    with pytest.raises(SystemExit):
        main(["bench", "run", "nothing"])
    assert isinstance(parser().parse_args(["bench", "run", "cold"]), argparse.Namespace)


def test_figures_are_short_to_read() -> None:
    values = {(2e9, "bytes"): "2000.0 MB", (1500, "bytes"): "1.5 kB", (0.12345, "s"): "0.123", (4.0, "s"): "4"}
    assert {key: shown(*key) for key in values} == values and shown(float("nan"), "s") == "-"
    assert as_text(("a", "b", "c"), [("long", "x", "1"), ("s", "y", "100")]) == [
        "a     b    c", "long  x    1", "s     y  100"
    ]  # fmt: skip
    assert as_markdown(("a", "b"), [("x|y", "1")])[-1] == "| x\\|y | 1 |"
