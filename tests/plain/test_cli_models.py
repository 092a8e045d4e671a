"""`avatar models` and `avatar doctor`: what they say, and their exit status."""

import json
import socket
from pathlib import Path

import pytest

from deployments.weights.digest import MARKER_NAME
from deployments.weights.hub import Probe
from deployments.weights.registry import Shelf
from deployments.weights.settings import WeightsSettings
from serve_app.cli import doctor, machine_checks
from serve_app.cli.machine_checks import Check
from serve_app.cli.main import main


def avatar(*words: str) -> int:
    return main(words)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Probe, "reachable", lambda *_: False)
    monkeypatch.setattr(Shelf, "take", lambda *_: pytest.fail("fetched an archive"))


def test_list_tells_what_is_missing_and_under_which_licence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert avatar("models", "list", "--cache-dir", str(tmp_path)) == 0
    lines = capsys.readouterr().out.splitlines()
    whisper = next(line for line in lines if line.startswith("whisper-base"))
    assert "needed" in whisper and "MIT" in whisper and "148 MB" in whisper
    assert any("optional" in line for line in lines if line.startswith("qwen2.5-coder-1.5b"))


def test_pull_of_an_unknown_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert avatar("models", "pull", "gigantic", "--cache-dir", str(tmp_path)) == 1
    assert "whisper-base" in capsys.readouterr().err


def test_pull_offline_names_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert avatar("models", "pull", "--offline", "--cache-dir", str(tmp_path)) == 1
    assert "avatar models pull whisper-base" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_verify_tells_of_the_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "speaker-encoder"
    folder.mkdir()
    (folder / "embedder.int8.onnx").write_bytes(b"not a model")
    assert avatar("models", "verify", "--cache-dir", str(tmp_path)) == 1
    told = capsys.readouterr()
    assert "speaker-encoder" in told.out and "c4d17ba2" in told.err
    assert not (folder / MARKER_NAME).exists()


def test_verify_of_a_set_that_is_not_here(tmp_path: Path) -> None:
    assert avatar("models", "verify", "whisper-base", "--cache-dir", str(tmp_path)) == 1


@pytest.mark.weights
def test_pull_of_what_is_here_asks_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert avatar("models", "pull") == 0
    assert "ready" in capsys.readouterr().out


def test_doctor_fails_without_weights_and_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "WeightsSettings", lambda: WeightsSettings(cache_dir=tmp_path))
    assert avatar("doctor") == 1
    assert "avatar models pull kokoro-v1.0-int8" in capsys.readouterr().out


def test_doctor_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    checks = [Check("a", True, "fine"), Check("b", False, "odd", "mend it", required=False)]
    monkeypatch.setattr(doctor, "all_checks", lambda _: checks)
    assert avatar("doctor", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["able"] is True
    assert [check["remedy"] for check in report["checks"]] == ["", "mend it"]


def test_a_required_finding_decides(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor, "all_checks", lambda _: [Check("b", False, "gone", "fetch it")])
    assert avatar("doctor") == 1
    assert "MISSING" in capsys.readouterr().out


def test_processor_without_avx2(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags : sse4_2 avx\n")
    assert not machine_checks.check_processor(cpuinfo).ok
    cpuinfo.write_text("flags : sse4_2 avx avx2\n")
    assert machine_checks.check_processor(cpuinfo).ok


def test_memory_is_what_the_container_allows(tmp_path: Path) -> None:
    meminfo, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    meminfo.write_text("MemTotal: 32000000 kB\nMemAvailable: 16000000 kB\n")
    limit.write_text("max\n")
    assert machine_checks.check_memory(meminfo, limit).ok
    limit.write_text("1000000000\n")
    assert not machine_checks.check_memory(meminfo, limit).ok


def test_missing_package_is_named() -> None:
    check = machine_checks.check_packages(("json", "no_such_package"))
    assert not check.ok and "no_such_package" in check.detail and check.remedy == "make setup"


def test_port_in_use_is_found() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not machine_checks.check_port(port, "a test", required=True).ok
    assert machine_checks.check_port(port, "a test", required=True).ok


def test_full_disk_is_told_but_does_not_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_checks, "SPARE_DISK_BYTES", 1 << 80)
    check = machine_checks.check_disk(WeightsSettings(cache_dir=tmp_path / "not" / "yet"))
    assert not check.ok and not check.required
