"""`avatar engines`: what it orders, what it says of what is stored, and what it refuses."""

import struct
from pathlib import Path
from typing import Any

import pytest

from deployments.errors import WeightsMissing
from deployments.gpu.errors import NoGpu
from deployments.gpu.nvml import NvmlCards
from deployments.video.ditto.runtimes import building, calibration, targets
from deployments.video.ditto.runtimes.building import Order
from deployments.video.ditto.runtimes.engine_key import EngineKey
from deployments.video.ditto.runtimes.engine_store import MANIFEST, Built, EngineStore
from serve_app.cli import engines
from serve_app.cli.main import main

pytestmark = pytest.mark.plain
KEY = EngineKey(
    card="NVIDIA L4",
    capability="sm_89",
    library="tensorrt",
    version="11.2.1.2",
    precision="fp16",
    max_batch_frames=5,
    weights="a" * 64,
    code="b" * 64,
)
PLAN = b"ftrt" + struct.pack("<I", 0) + bytes(16) + bytes((11, 2, 1, 2)) + b"kernels"


def avatar(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    """What would be built, on a machine that has all it takes."""
    found: list[Order] = []

    def build(networks: object, order: Order, cards: object, told: Any) -> tuple[EngineKey, Path]:
        found.append(order)
        told("Exporting")
        return KEY, Path("/engines/here")

    monkeypatch.setattr(building, "build_engines", build)
    monkeypatch.setattr(targets, "key_of", lambda *_: KEY)
    monkeypatch.setattr(engines, "load_networks", lambda args: "networks")
    return found


def test_build_as_it_is_usually_meant(orders: list[Order], capsys: pytest.CaptureFixture[str]) -> None:
    assert avatar("engines", "build") == 0
    settings = orders[0].settings
    assert (settings.runtime, settings.precision, settings.device) == ("tensorrt", "fp16", "cuda")
    assert settings.tensorrt_library == "tensorrt" and orders[0].ahead_of_time is None
    said = capsys.readouterr().out
    assert "Exporting" in said and "Engines for NVIDIA L4 (sm_89) in fp16 are in /engines/here" in said


def test_build_ahead_of_time(orders: list[Order], tmp_path: Path) -> None:
    words = ("--ahead-of-time", "sm_89", "--max-batch-frames", 8, "--engines-dir", tmp_path, "--precision", "fp32")
    assert avatar("engines", "build", *words) == 0
    settings = orders[0].settings
    assert settings.tensorrt_library == "tensorrt_rtx" and orders[0].ahead_of_time == "sm_89"
    assert (settings.max_batch_frames, settings.engines_dir, settings.precision) == (8, tmp_path, "fp32")


def test_build_what_a_configuration_will_serve_with(orders: list[Order], tmp_path: Path) -> None:
    config = tmp_path / "serve.yaml"
    runtime = f"{{runtime: onnxruntime, precision: fp32, max_batch_frames: 2, engines_dir: {tmp_path}}}"
    config.write_text(f"applications: [{{args: {{video: {{ditto: {{runtime: {runtime}}}}}}}}}]")
    assert avatar("engines", "build", "--config", config) == 0
    settings = orders[0].settings
    assert (settings.runtime, settings.max_batch_frames, settings.engines_dir) == ("onnxruntime", 2, tmp_path)
    config.write_text("applications: [{args: {video: {ditto: {runtime: {runtime: magic}}}}}]")
    assert avatar("engines", "build", "--config", config) == 1


def test_8_bits_see_the_avatars_of_the_store(orders: list[Order], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(calibration, "stored_frames", lambda *given: asked.extend(given) or "frames")
    assert avatar("engines", "build", "--precision", "int8", "--frames-each", 3) == 0
    assert asked[1:] == ["networks", 3] and orders[0].faces == "frames"


def test_what_does_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert avatar("engines", "build", "--device", "cpu") == 1
    assert "runtime tensorrt needs device cuda" in capsys.readouterr().err


def test_without_a_card_the_weights_are_not_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_driver(self: NvmlCards) -> str:
        raise NoGpu("No NVIDIA driver answers. Install NVIDIA's driver.")

    monkeypatch.setattr(NvmlCards, "driver", no_driver)
    monkeypatch.setattr(engines, "load_networks", lambda args: pytest.fail("read the weights"))
    assert avatar("engines", "build") == 1
    assert "Install NVIDIA's driver" in capsys.readouterr().err


def test_without_weights(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def missing(args: object) -> object:
        raise WeightsMissing("warp_network.pth does not exist. Fetch it with: avatar models pull ditto-pytorch")

    monkeypatch.setattr(engines, "load_networks", missing)
    assert avatar("engines", "build", "--runtime", "onnxruntime", "--device", "cpu") == 1
    assert "avatar models pull ditto-pytorch" in capsys.readouterr().err


def test_without_torch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda name: None)
    for action in ("build", "list", "check"):
        assert avatar("engines", action) == 1
        assert "pip install 'realtime-avatar[gpu]'" in capsys.readouterr().err


def test_list_and_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--engines-dir", tmp_path)
    assert avatar("engines", "list", *words) == 0 and str(tmp_path) in capsys.readouterr().out
    folder = EngineStore(tmp_path).put(KEY, {"decoder": Built(PLAN, 0.001, 57.4, "engine")})
    assert avatar("engines", "list", *words) == 0
    said = capsys.readouterr().out
    assert "tensorrt 11.2.1.2 for NVIDIA L4 (sm_89), fp16, up to 5 frames, 57 dB or better" in said
    assert avatar("engines", "check", *words) == 0
    assert f"{folder.name}: ok" in capsys.readouterr().out
    (folder / "decoder.engine").write_bytes(PLAN + b"!")
    assert avatar("engines", "check", *words) == 1
    said = capsys.readouterr().out
    assert "sha256 differs" in said and "avatar engines build" in said
    (folder / MANIFEST).write_text("{")
    assert avatar("engines", "list", *words) == 0
    assert "damaged" in capsys.readouterr().out
    assert avatar("engines", "check", *words) == 1
