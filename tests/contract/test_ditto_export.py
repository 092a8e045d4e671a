"""Every network's export: sound, accepted by TensorRT's table, and right in any batch."""

from functools import cache

import pytest
import torch
from torch import Tensor

from deployments.errors import EngineUnusable, Unsupported
from deployments.video.ditto.networks.stitch import Stitch
from deployments.video.ditto.runtimes.checks import inferred, problems
from deployments.video.ditto.runtimes.export import export
from deployments.video.ditto.runtimes.graphs import example
from deployments.video.ditto.runtimes.int8 import QUANTISED, Ranges, measured, quantised
from deployments.video.ditto.runtimes.int8_choice import Choice, Rounded, choose
from deployments.video.ditto.runtimes.lint import lint
from deployments.video.ditto.runtimes.onnx_runner import OnnxRunner
from deployments.video.ditto.runtimes.onnx_types import dimensions
from deployments.video.ditto.runtimes.quality import LEAST_DB, Distance, distance, require_close
from deployments.video.ditto.runtimes.samples import as_asked, checked_inputs, made_up, outputs_of, through
from deployments.video.ditto.runtimes.sessions import open_session
from deployments.video.ditto.runtimes.settings import RuntimeSettings
from tests import ditto_exports as narrow

pytestmark = pytest.mark.contract
CPU = torch.device("cpu")
ONNX = RuntimeSettings(runtime="onnxruntime")


@cache
def inputs() -> dict[str, tuple[Tensor, ...]]:
    """Three rows that differ, as they come in a real frame."""
    return checked_inputs(narrow.networks(), narrow.modules(), made_up(narrow.networks()))


@cache
def runner(name: str, half: bool) -> OnnxRunner:
    session = open_session(narrow.model(name, half).SerializeToString(), ONNX, "")
    return OnnxRunner(session, narrow.GRAPHS[name], narrow.own_type(name, half), CPU)


@pytest.mark.parametrize(("name", "half"), narrow.EVERY)
def test_every_graph_is_sound_and_accepted(name: str, half: bool) -> None:
    model = narrow.model(name, half)
    assert problems(model) == [] and lint(inferred(model), "11.2") == []
    for output, port in zip(model.graph.output, narrow.GRAPHS[name].outputs, strict=True):
        shape = dimensions(output)
        assert shape is not None and isinstance(shape[0], str) and shape[1:] == port.shape


@pytest.mark.parametrize(("name", "half"), narrow.EVERY)
def test_a_frame_of_a_batch_is_the_frame_alone(name: str, half: bool) -> None:
    run = runner(name, half)
    given = as_asked(inputs()[name], narrow.GRAPHS[name], narrow.own_type(name, half))
    together = run(*given)
    assert not any(torch.equal(tensor[0], tensor[1]) for tensor in together)
    for row in range(3):
        alone = run(*(tensor[row : row + 1] for tensor in given))
        found = distance([tensor[row : row + 1] for tensor in together], alone)
        assert found.psnr_db >= LEAST_DB["fp16"] if half else found.largest <= 1e-5


@pytest.mark.parametrize(("name", "half"), narrow.EVERY)
def test_every_graph_computes_what_torch_does(name: str, half: bool) -> None:
    given = inputs()[name]
    found = distance(outputs_of(runner(name, half), given), outputs_of(narrow.modules()[name], given))
    assert found.psnr_db >= LEAST_DB["fp16" if half else "fp32"]
    assert half or found.largest <= 3e-5


def test_the_picture_in_half_precision() -> None:
    frames = made_up(narrow.networks())
    runners = {name: runner(name, (name, True) in narrow.HALF) for name in narrow.NAMES}
    with torch.no_grad():
        wanted = through(narrow.modules(), frames)["image"]
        found = distance(through(runners, frames)["image"], wanted)
    assert 45 <= found.psnr_db < 200


def test_tensorrt_10_gets_a_graph_without_volumes() -> None:
    model = narrow.model("tail", tensorrt="10.15")
    assert lint(inferred(model), "10.15") == []
    assert any("rank 5" in said for said in lint(inferred(narrow.model("tail")), "10.15"))
    run = OnnxRunner(open_session(model.SerializeToString(), ONNX, ""), narrow.GRAPHS["tail"], torch.float32, CPU)
    given = inputs()["tail"]
    together = run(*given)
    found = distance(together, outputs_of(narrow.modules()["tail"], given))
    assert found.largest <= 1e-3
    alone = run(*(tensor[2:] for tensor in given))
    assert distance([together[0][2:]], alone).largest <= 1e-5


def test_the_same_network_gives_the_same_bytes() -> None:
    again = export(narrow.modules()["stitch"], narrow.GRAPHS["stitch"], torch.float32)
    assert again.SerializeToString() == narrow.model("stitch").SerializeToString()
    assert b"/site-packages/" not in again.SerializeToString() and b"deployments" not in again.SerializeToString()


def test_a_network_that_fixes_its_batch_is_refused() -> None:
    class Fixed(Stitch):
        def forward(self, source: Tensor, driving: Tensor) -> Tensor:
            return super().forward(source, driving).reshape(2, 21, 3)

    with pytest.raises(Unsupported, match="symbolic batch"):
        export(Fixed(narrow.SIZES), narrow.GRAPHS["stitch"], torch.float32)


def test_examples_differ_by_row_and_seed() -> None:
    graph = narrow.GRAPHS["diffusion"]
    x, _, _, times = example(graph, 3, torch.float16)
    assert x.dtype == torch.float32 and times.dtype == torch.int64 and not torch.equal(x[0], x[1])
    assert not torch.equal(x, example(graph, 3, torch.float16, seed=1)[0])


@cache
def ranges() -> dict[str, Ranges]:
    frames = made_up(narrow.networks())
    with torch.no_grad():
        singles = [through(narrow.modules(), frames.rows(row, row + 1)) for row in range(3)]
    return {name: measured(narrow.modules()[name], [single[name] for single in singles]) for name in QUANTISED}


@cache
def choice() -> Choice:
    with torch.no_grad():
        some = through(narrow.modules(), made_up(narrow.networks()).rows(0, 2))
    return choose(narrow.modules(), some, some["image"][0], ranges())


@pytest.mark.parametrize("name", QUANTISED)
def test_8_bit_graphs(name: str) -> None:
    """Accepted by TensorRT's table, right in any batch, and what torch computes with rounded convolutions."""
    model = quantised(narrow.model(name), choice().ranges[name])
    operators = [node.op_type for node in model.graph.node]
    count = len(choice().ranges[name])
    assert operators.count("QuantizeLinear") == count and operators.count("DequantizeLinear") == 2 * count
    assert problems(model) == [] and lint(inferred(model), "11.2") == []
    assert len(model.SerializeToString()) < len(narrow.model(name).SerializeToString())
    run = OnnxRunner(open_session(model.SerializeToString(), ONNX, ""), narrow.GRAPHS[name], torch.float32, CPU)
    given = inputs()[name]
    together = run(*given)
    alone = run(*(tensor[1:2] for tensor in given))
    assert distance([tensor[1:2] for tensor in together], alone).psnr_db >= LEAST_DB["int8"]
    with Rounded(narrow.modules()[name], choice().ranges[name]):
        rounded = outputs_of(narrow.modules()[name], given)
    assert distance(together, rounded).psnr_db >= LEAST_DB["int8"]


def test_8_bit_pictures() -> None:
    """At least 38 dB from float32, with most of the work in 8 bits; everything in 8 bits may be less."""
    frames = made_up(narrow.networks())
    runners = {name: runner(name, False) for name in narrow.NAMES}
    for name in QUANTISED:
        model = quantised(narrow.model(name), choice().ranges[name]).SerializeToString()
        runners[name] = OnnxRunner(open_session(model, ONNX, ""), narrow.GRAPHS[name], torch.float32, CPU)
    with torch.no_grad():
        wanted = through(narrow.modules(), frames)["image"]
        found = distance(through(runners, frames)["image"], wanted)
    require_close(found, "int8", "The picture")
    assert found.psnr_db < 100 and choice().share > 0.5


def test_8_bits_know_only_what_they_were_shown() -> None:
    """Ranges follow the faces: a louder input has a wider one."""
    frames = made_up(narrow.networks())
    with torch.no_grad():
        one = through(narrow.modules(), frames.rows(0, 1))["decoder"]
    quiet = measured(narrow.modules()["decoder"], [one])
    loud = measured(narrow.modules()["decoder"], [one, (one[0] * 3,)])
    assert loud["fc.weight"].reach == pytest.approx(3 * quiet["fc.weight"].reach)
    assert measured(narrow.modules()["decoder"], []) == {}


def test_too_far_is_refused_with_the_figure() -> None:
    with pytest.raises(EngineUnusable, match=r"int8 is 37\.9 dB from torch in fp32; 38 dB are needed\. Calibrate"):
        require_close(Distance(0.1, 37.94), "int8", "The picture")
    with pytest.raises(EngineUnusable, match=r"fp16 is 44\.0 dB"):
        require_close(Distance(0.1, 44.0), "fp16", "The picture")
    with pytest.raises(EngineUnusable, match="runtime torch"):
        require_close(distance([torch.full((2,), torch.nan)], [torch.ones(2)]), "fp32", "The picture")
    require_close(distance([torch.ones(2)], [torch.ones(2)]), "fp32", "The picture")
