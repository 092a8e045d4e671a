"""Budgets on a card that is not there: who may start, who may stay, and what is said to the others."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.gpu import mps, nvml
from deployments.gpu.errors import BudgetOutgrown, CardFull, CardTooSmall, DriverTooOld, GpuUnfit, MpsMissing, NoGpu
from deployments.gpu.ledger import Ledger, Promise, started_at
from deployments.gpu.nvml import NvmlCards, visible_card
from deployments.gpu.settings import GpuSettings
from deployments.gpu.share import NoShare, Share, take_share
from tests.fakes.cards import FakeCards, FakeMeter

pytestmark = pytest.mark.plain


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path / "mps"))
    monkeypatch.setenv("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT", "")  # so that it is taken back
    monkeypatch.delenv("CUDA_MPS_PINNED_DEVICE_MEM_LIMIT")


def take(tmp_path: Path, cards: FakeCards, meter: FakeMeter | None = None, **settings: Any) -> Share | NoShare:
    chosen = GpuSettings(
        ledger_folder=str(tmp_path), **{"vram_gigabytes": 6, "patience_seconds": 0, "reserve_gigabytes": 1} | settings
    )
    return take_share(chosen, "Video", lambda: meter or FakeMeter(), cards, sleep=lambda seconds: None)


def promised_by_another(tmp_path: Path, gigabytes: float) -> None:
    """By a process that lives as long as the test: its parent."""
    parent = os.getppid()
    entry = {"process_id": parent, "started": started_at(parent), "who": "TTS", "bytes": int(gigabytes * 1e9)}
    (tmp_path / "GPU-0.json").write_text(json.dumps([entry]))


def test_without_a_budget_nothing_is_asked_of_any_card() -> None:
    share = take_share(GpuSettings(), "Video", FakeMeter, cards=None)
    share.settle()
    share.observe()
    assert isinstance(share, NoShare)


def test_budget_and_use_are_told(tmp_path: Path) -> None:
    cards, meter = FakeCards(), FakeMeter()
    share = take(tmp_path, cards, meter)
    cards.processes[os.getpid()] = int(5.5e9)
    share.settle()
    assert (meter.budget_bytes, meter.used_bytes) == (int(6e9), int(5.5e9))
    cards.processes[os.getpid()] = int(5.7e9)
    share.observe()
    assert meter.used_bytes == int(5.7e9)


def test_who_outgrew_its_budget_does_not_stay(tmp_path: Path) -> None:
    cards = FakeCards()
    share = take(tmp_path, cards)
    cards.processes[os.getpid()] = int(6.1e9)
    with pytest.raises(BudgetOutgrown, match=r"6\.1 GB of the NVIDIA L4.*gpu\.vram_gigabytes"):
        share.settle()
    assert Ledger(tmp_path, "GPU-0").promises() == []


def test_in_a_container_that_hides_processes_the_replica_starts_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    take(tmp_path, FakeCards()).settle()
    assert "--pid=host" in caplog.text


def test_budgets_over_the_card_are_refused_and_the_others_named(tmp_path: Path) -> None:
    promised_by_another(tmp_path, 17.5)
    with pytest.raises(CardFull, match=r"Video wants 6\.0 GB.*TTS 17\.5 GB.*max_replicas"):
        take(tmp_path, FakeCards())
    assert [promise.who for promise in Ledger(tmp_path, "GPU-0").promises()] == ["TTS"]
    take(tmp_path, FakeCards(), vram_gigabytes=5)
    assert {promise.who for promise in Ledger(tmp_path, "GPU-0").promises()} == {"TTS", "Video"}


def test_the_reserve_is_nobodys(tmp_path: Path) -> None:
    promised_by_another(tmp_path, 17.5)
    with pytest.raises(CardFull):
        take(tmp_path, FakeCards(), vram_gigabytes=5, reserve_gigabytes=3)


def test_a_start_waits_for_the_replica_it_replaces(tmp_path: Path) -> None:
    promised_by_another(tmp_path, 20)
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            (tmp_path / "GPU-0.json").write_text("[]")

    settings = GpuSettings(ledger_folder=str(tmp_path), vram_gigabytes=6, patience_seconds=30)
    take_share(settings, "Video", FakeMeter, FakeCards(), sleep)
    assert len(waits) == 3


def test_programs_that_promise_nothing_are_seen_too(tmp_path: Path) -> None:
    with pytest.raises(CardFull, match=r"only 4\.2 GB are free"):
        take(tmp_path, FakeCards(processes={1: int(20e9)}))
    assert Ledger(tmp_path, "GPU-0").promises() == []


def test_a_card_too_small_and_a_driver_too_old_are_named(tmp_path: Path) -> None:
    with pytest.raises(CardTooSmall, match="bigger card"):
        take(tmp_path, FakeCards(), vram_gigabytes=24)
    with pytest.raises(DriverTooOld, match=r"535\.54.*580\.65.*Update the driver"):
        take(tmp_path, FakeCards(version="535.54"))
    take(tmp_path, FakeCards(version="535.54"), min_driver="535")


def test_the_card_is_the_one_that_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    take(tmp_path, FakeCards(names=("NVIDIA L4", "NVIDIA L4")))
    assert len(Ledger(tmp_path, "GPU-1").promises()) == 1
    for shown in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
        with pytest.raises(NoGpu, match="num_gpus"):
            visible_card()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert visible_card() == "0"


def test_the_dead_and_the_mistaken_are_dropped(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    parent = os.getppid()
    entries = [
        {"process_id": int(dead.stdout), "started": 1, "who": "dead", "bytes": 9},
        {"process_id": parent, "started": (started_at(parent) or 0) - 1, "who": "same number", "bytes": 9},
    ]
    (tmp_path / "GPU-0.json").write_text(json.dumps(entries))
    assert Ledger(tmp_path, "GPU-0").promises() == []


@pytest.mark.parametrize("text", ["", "{", '[{"pid": 1}]', "[1]"])
def test_a_spoilt_ledger_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "GPU-0.json").write_text(text)
    take(tmp_path, FakeCards())
    assert len(Ledger(tmp_path, "GPU-0").promises()) == 1


RUSH = """
import sys
from pathlib import Path
from deployments.gpu.ledger import Ledger
print(Ledger(Path(sys.argv[1]), "GPU-0").enter("Video", 6, 23) is None, flush=True)
sys.stdin.read()
"""


def test_of_many_who_start_at_once_only_so_many_get_in(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", RUSH, str(tmp_path)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": root}
    processes = [subprocess.Popen(command, **pipes) for _ in range(5)]
    answers = [process.stdout.readline().strip() for process in processes if process.stdout]
    for process in processes:
        process.communicate("")
    assert sorted(answers) == ["False", "False", "True", "True", "True"]
    assert Ledger(tmp_path, "GPU-0").promises() == []


def test_mps_is_required_used_or_avoided(tmp_path: Path) -> None:
    with pytest.raises(MpsMissing, match="nvidia-cuda-mps-control -d"):
        take(tmp_path, FakeCards(), mps="require")
    assert Ledger(tmp_path, "GPU-0").promises() == []
    assert not mps.prepare(GpuSettings(vram_gigabytes=6))
    (tmp_path / "mps").mkdir()
    (tmp_path / "mps" / "control").touch()
    assert mps.prepare(GpuSettings(vram_gigabytes=6, mps="require"))
    assert os.environ["CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"] == "0=5722M"
    assert not mps.prepare(GpuSettings(vram_gigabytes=6, mps="off"))
    assert not Path(os.environ["CUDA_MPS_PIPE_DIRECTORY"]).exists()


def test_torch_is_capped_at_its_part_of_the_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    capped: list[float] = []
    held = {"cuda": SimpleNamespace(
        set_per_process_memory_fraction=capped.append, is_available=lambda: True, is_initialized=lambda: True,
        memory_reserved=lambda: 6_000_000_000,
    )}  # fmt: skip
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(**held))
    meter = FakeMeter()
    share = take(tmp_path, FakeCards(total_bytes=int(24e9)), meter, capped_by="torch")
    assert capped == [pytest.approx(5.5 / 24)]  # half a gigabyte is the context's
    take(tmp_path, FakeCards(total_bytes=int(24e9)), meter, capped_by="torch", beside_torch_gigabytes=2)
    assert capped[1] == pytest.approx(3.5 / 24)
    with pytest.raises(BudgetOutgrown):  # what torch holds is asked where NVML shows nothing
        share.settle()
    assert meter.used_bytes == int(6.5e9)


def test_a_machine_without_a_driver_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Error(Exception):
        pass

    def fail() -> None:
        raise Error("NVML Shared Library Not Found")

    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(nvmlInit=fail, NVMLError=Error))
    with pytest.raises(NoGpu, match=r"nvidia-smi must answer\), or use the CPU profile"):
        NvmlCards().driver()
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(NoGpu, match="nvidia-ml-py"):
        NvmlCards().driver()


def fake_nvml() -> SimpleNamespace:
    class Error(Exception):
        pass

    class NotSupported(Error):
        pass

    class FunctionNotFound(Error):
        pass

    def unlisted(handle: int) -> list[Any]:
        raise NotSupported

    mine = SimpleNamespace(pid=7, usedGpuMemory=5)
    return SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        NVMLError=Error,
        NVMLError_NotSupported=NotSupported,
        NVMLError_FunctionNotFound=FunctionNotFound,
        nvmlSystemGetDriverVersion=lambda: "580.82.07",
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUUID=lambda handle: f"GPU-{'ab'[handle]}123",
        nvmlDeviceGetName=lambda handle: "NVIDIA L4",
        nvmlDeviceGetMemoryInfo=lambda handle: SimpleNamespace(total=100, used=40),
        nvmlDeviceGetComputeRunningProcesses=unlisted,
        nvmlDeviceGetMPSComputeRunningProcesses=lambda handle: [SimpleNamespace(pid=3, usedGpuMemory=None), mine],
    )


def test_nvml_is_read_rightly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", fake_nvml())
    cards = NvmlCards()
    card = cards.card("GPU-b")
    assert card == nvml.Card("GPU-b123", "NVIDIA L4", 100) == cards.card("1")
    assert cards.used_bytes(card) == 40
    assert cards.process_bytes(card, 7) == 5
    assert cards.process_bytes(card, 3) is None
    with pytest.raises(NoGpu, match="nvidia-smi -L"):
        cards.card("GPU-c")


def test_the_errors_survive_the_way_between_processes() -> None:
    for kind in GpuUnfit.__subclasses__():
        error = pickle.loads(pickle.dumps(kind("why")))
        assert type(error) is kind and error.message == "why" and error.code == "engine_failed"


def test_promises_are_this_processs_own(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "new" / "folder", "GPU-0")
    assert ledger.enter("Video", 6, 10) is None
    assert ledger.enter("Video", 7, 10) is None  # in place of the first
    assert ledger.promises() == [Promise(os.getpid(), started_at(os.getpid()) or 0, "Video", 7)]
    ledger.leave()
    assert ledger.promises() == []
