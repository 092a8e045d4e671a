"""Each setting of the runtimes changes something, and what cannot go together is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from deployments.errors import EngineUnusable
from deployments.video.ditto.runtimes import opening, sessions
from deployments.video.ditto.runtimes.cuda_graph import Graphed
from deployments.video.ditto.runtimes.engine_key import weights_digest
from deployments.video.ditto.runtimes.opening import open_networks
from deployments.video.ditto.runtimes.sessions import open_session, providers, session_options
from deployments.video.ditto.runtimes.settings import RuntimeSettings
from deployments.video.ditto.runtimes.targets import device_of, key_of
from tests.ditto_exports import networks

pytestmark = pytest.mark.plain


class NoCards:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError("no card is to be asked")


@pytest.mark.parametrize(
    "given",
    [
        {"runtime": "tensorrt", "device": "cpu"},
        {"runtime": "torch", "precision": "int8", "device": "cuda"},
        {"runtime": "torch", "precision": "fp16", "device": "cpu"},
        {"device_index": -1},
        {"max_batch_frames": 0},
        {"onnx_memory_mb": 1},
        {"unknown": 1},
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RuntimeSettings.model_validate(given)


def test_device_and_index() -> None:
    assert device_of(RuntimeSettings()) == torch.device("cpu")
    assert device_of(RuntimeSettings(device="cuda", device_index=1)) == torch.device("cuda", 1)


def test_half_precision_between_8_bit_layers_is_for_gpus() -> None:
    assert RuntimeSettings(runtime="onnxruntime", precision="int8", device="cuda").half
    assert not RuntimeSettings(runtime="onnxruntime", precision="int8").half
    assert RuntimeSettings(runtime="onnxruntime", precision="fp16").half and not RuntimeSettings().half


def test_threads_of_onnx_runtime_and_torch() -> None:
    assert session_options(RuntimeSettings(threads=3)).intra_op_num_threads == 3
    assert (
        session_options(RuntimeSettings(threads=3)).get_session_config_entry("session.intra_op.allow_spinning") == "0"
    )
    before = torch.get_num_threads()
    try:
        open_networks(networks(), RuntimeSettings(threads=2))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_onnx_runtime_on_a_gpu() -> None:
    def options(**given: Any) -> Any:
        settings = RuntimeSettings(runtime="onnxruntime", device="cuda", **given)
        ((name, found),) = providers(settings)
        assert name == "CUDAExecutionProvider"
        return found

    assert options(device_index=2)["device_id"] == 2 and options()["use_tf32"] == "0"
    assert "gpu_mem_limit" not in options() and options(onnx_memory_mb=512)["gpu_mem_limit"] == str(512 << 20)
    assert options()["prefer_nhwc"] == "1" and options(channels_last=False)["prefer_nhwc"] == "0"
    assert providers(RuntimeSettings()) == ["CPUExecutionProvider"]


def test_never_quietly_on_the_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = RuntimeSettings(runtime="onnxruntime", device="cuda")
    with pytest.raises(EngineUnusable, match="onnxruntime-gpu"):
        open_session(tmp_path / "any.onnx", settings, "")

    class Session:
        def __init__(self, *_: object, **__: object) -> None: ...

        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    # its libraries do not load: ONNX Runtime warns, and takes the CPU
    monkeypatch.setattr(sessions.onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(sessions.onnxruntime, "InferenceSession", Session)
    with pytest.raises(EngineUnusable, match="would run the graph on the CPU"):
        open_session(b"graph", settings, "")


def test_keys_tell_runtimes_precisions_and_batches_apart() -> None:
    def key(**given: Any) -> Any:
        settings = RuntimeSettings.model_validate({"runtime": "onnxruntime"} | given)
        ahead = "sm_89" if settings.runtime == "tensorrt" else None
        return key_of("a" * 64, settings, NoCards(), ahead)  # type: ignore[arg-type]

    pytest.importorskip("tensorrt_rtx")
    rtx = {"runtime": "tensorrt", "tensorrt_library": "tensorrt_rtx", "device": "cuda"}
    every = [key(), key(precision="fp16"), key(max_batch_frames=2), key(**rtx), key(**rtx, precision="fp16")]
    assert len({each.folder for each in every}) == len(every)
    assert key(**rtx).library == "tensorrt_rtx" and key(**rtx).capability == "sm_89" and key(**rtx).card == "any"


def test_engines_dir(tmp_path: Path) -> None:
    assert RuntimeSettings().engines_dir.is_absolute() and "~" not in str(RuntimeSettings().engines_dir)
    settings = RuntimeSettings(runtime="onnxruntime", engines_dir=tmp_path)
    with pytest.raises(EngineUnusable, match=str(tmp_path)):
        open_networks(networks(), settings)


@pytest.mark.parametrize(
    ("knob", "argument"),
    [("channels_last", "channels_last"), ("fused_spade", "fused_spade"), ("cuda_graphs", "cuda_graphs")],
)
def test_knobs_of_torch(monkeypatch: pytest.MonkeyPatch, knob: str, argument: str) -> None:
    """They reach the renderer; the first two only where there is a GPU. Single precision is not rounded there."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    seen: dict[str, Any] = {}

    class Renderer:
        precision = torch.float16

        def __init__(self, *_: object, **given: Any) -> None:
            seen.update(given)

    for part in ("TorchFaces", "TorchStitcher", "CachedDiffuser"):
        monkeypatch.setattr(opening, part, lambda *_, **__: None)
    monkeypatch.setattr(opening, "TorchRenderer", Renderer)
    for turned in (True, False):
        settings = {"device": "cuda", "precision": "fp16", "max_batch_frames": 3, knob: turned}
        open_networks(networks(), RuntimeSettings.model_validate(settings))
        assert seen[argument] is turned and seen["max_batch_frames"] == 3 and seen["precision"] == "fp16"
    open_networks(networks(), RuntimeSettings())
    assert seen["channels_last"] is False and seen["fused_spade"] is False
    assert not torch.backends.cudnn.allow_tf32


def test_graphed_passes_through_on_a_cpu() -> None:
    calls = []

    def network(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        calls.append(x.shape)
        return x + y

    graphed = Graphed(network)
    (found,) = graphed(torch.ones(2), torch.ones(2))
    assert found.tolist() == [2, 2] and graphed.shapes == 0 and len(calls) == 1
    pair = Graphed(lambda x: (x, x + 1), enabled=False)(torch.zeros(1))
    assert [tensor.item() for tensor in pair] == [0, 1]


def test_the_digest_of_weights_is_of_all_networks() -> None:
    assert weights_digest(networks().by_name()) != weights_digest({"warp": networks().warp})
