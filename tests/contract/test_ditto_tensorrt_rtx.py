"""Every graph goes through a real TensorRT parser and builder, for the L4, on a machine without a GPU."""

from pathlib import Path

import pytest
from onnx import helper

from deployments.errors import EngineUnusable, Unsupported
from deployments.gpu.errors import NoGpu
from deployments.gpu.nvml import NvmlCards
from deployments.video.ditto.runtimes import building, targets
from deployments.video.ditto.runtimes.building import Order, build_engines
from deployments.video.ditto.runtimes.engine_store import EngineStore, Manifest
from deployments.video.ditto.runtimes.int8 import measured, quantised
from deployments.video.ditto.runtimes.opening import open_networks
from deployments.video.ditto.runtimes.plan_header import PlanHeader, read_header, version_numbers
from deployments.video.ditto.runtimes.samples import checked_inputs, made_up
from deployments.video.ditto.runtimes.settings import RuntimeSettings
from deployments.video.ditto.runtimes.tensorrt_build import BuildOptions, batch_profile, build_plan
from tests import ditto_exports as narrow

tensorrt_rtx = pytest.importorskip("tensorrt_rtx")
pytestmark = pytest.mark.contract
L4 = BuildOptions("tensorrt_rtx", max_batch=5, capability="sm_89")
AHEAD = RuntimeSettings(runtime="tensorrt", tensorrt_library="tensorrt_rtx", device="cuda")


@pytest.mark.parametrize(("name", "half"), narrow.EVERY)
def test_every_graph_builds_for_any_batch_on_an_l4(name: str, half: bool) -> None:
    plan = build_plan(narrow.model(name, half), L4, name)
    assert read_header(plan, name) == PlanHeader("tensorrt_rtx", version_numbers(tensorrt_rtx.__version__))


def test_the_graph_for_tensorrt_10_builds() -> None:
    assert build_plan(narrow.model("tail", tensorrt="10.15"), L4, "tail")


def test_8_bit_graphs_build() -> None:
    inputs = checked_inputs(narrow.networks(), narrow.modules(), made_up(narrow.networks()))
    ranges = measured(narrow.modules()["decoder"], [inputs["decoder"]])
    for half in (False, True):
        assert build_plan(quantised(narrow.model("decoder", half), ranges), L4, "decoder")


def test_batches_of_one_up_to_the_most() -> None:
    grid, channels = narrow.SIZES.grid, narrow.SIZES.warped_channels
    most = (5, channels, grid, grid)
    assert batch_profile(narrow.model("decoder"), 5) == {"warped": ((1, *most[1:]), most, most)}


def test_what_it_cannot_parse_is_told() -> None:
    model = type(narrow.model("stitch"))()
    model.CopyFrom(narrow.model("stitch"))
    model.graph.node.append(helper.make_node("Bernoulli", [model.graph.output[0].name], ["more"]))
    with pytest.raises(EngineUnusable, match=r"does not take the graph stitch: .*Bernoulli"):
        build_plan(model, L4, "stitch")


def test_cards_it_has_no_name_for() -> None:
    with pytest.raises(Unsupported, match=r"builds for .*sm_89.*, not for sm_90\."):
        build_plan(narrow.model("stitch"), BuildOptions("tensorrt_rtx", 5, "sm_90"), "stitch")


def test_ahead_of_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built and stored here; a machine without a driver refuses to run it, before TensorRT could end the process."""
    monkeypatch.setattr(building, "export_all", narrow.exported)
    settings = AHEAD.model_copy(update={"engines_dir": tmp_path})
    key, folder = build_engines(narrow.networks(), Order(settings, "sm_89"), NvmlCards(), lambda line: None)
    assert (key.card, key.capability, key.library) == ("any", "sm_89", "tensorrt_rtx")
    assert EngineStore(tmp_path).check(folder) == []
    manifest = EngineStore(tmp_path).manifests()[folder]
    assert isinstance(manifest, Manifest) and set(manifest.engines) == set(narrow.NAMES)
    assert {engine.checked for engine in manifest.engines.values()} == {"graph"}

    def no_driver(self: NvmlCards) -> str:
        raise NoGpu("No NVIDIA driver answers. Install it.")

    monkeypatch.setattr(NvmlCards, "driver", no_driver)
    with pytest.raises(NoGpu):
        open_networks(narrow.networks(), settings)
    monkeypatch.setattr(NvmlCards, "driver", lambda self: "580.65.06")
    monkeypatch.setattr(targets.torch.cuda, "get_device_capability", lambda index: (8, 6))
    with pytest.raises(EngineUnusable, match=r"compute capability sm_86, not sm_89"):
        open_networks(narrow.networks(), settings)
