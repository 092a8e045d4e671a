"""Graphs are judged before anything runs them: what TensorRT takes by version, and a batch that is free everywhere."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from deployments.errors import Unsupported
from deployments.video.ditto.runtimes.checks import inferred, problems, require_sound
from deployments.video.ditto.runtimes.lint import lint, operators_of, require_accepted, table

pytestmark = pytest.mark.plain
FLOAT, HALF, DOUBLE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE
Shape = list[str | int]


def graph(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[int, Shape]],
    output: tuple[int, Shape],
    constants: dict[str, np.ndarray] | None = None,
    opset: int = 20,
    domains: tuple[str, ...] = (),
) -> onnx.ModelProto:
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info("y", *output)],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(made, opset_imports=opsets, ir_version=10)


def resize(sizes: list[int], declared: Shape) -> onnx.ModelProto:
    """Nearest ×2 as the published decoder has it: to sizes that were read off an example."""
    node = helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], mode="nearest", name="up")
    return graph([node], {"x": (FLOAT, ["b", 3, 4, 4])}, (FLOAT, declared), {"sizes": np.array(sizes, np.int64)})


def sampling(rank: int, kind: int = FLOAT, grid_kind: int = FLOAT, opset: int = 20) -> onnx.ModelProto:
    spatial: Shape = [4] * (rank - 2)
    node = helper.make_node("GridSample", ["x", "grid"], ["y"], mode="linear" if opset >= 20 else "bilinear")
    inputs: dict[str, tuple[int, Shape]] = {
        "x": (kind, ["b", 2, *spatial]),
        "grid": (grid_kind, ["b", *spatial, rank - 2]),
    }
    return graph([node], inputs, (kind, ["b", 2, *spatial]), opset=opset)


def test_a_baked_resize_gives_one_frame_of_three_and_no_error() -> None:
    """The silent failure that the checks are for."""
    model = resize([1, 3, 8, 8], ["b", 3, 8, 8])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    frames = np.random.default_rng(0).random((3, 3, 4, 4), np.float32)
    assert session.run(None, {"x": frames})[0].shape[0] == 1


def test_a_baked_resize_is_refused() -> None:
    found = problems(resize([1, 3, 8, 8], ["b", 3, 8, 8]))
    assert any("y has always 1 row" in said for said in found)
    assert any("Resize up has a baked batch of 1" in said for said in found)
    with pytest.raises(Unsupported, match=r"decoder cannot be used.*avatar engines build"):
        require_sound(resize([1, 3, 8, 8], ["b", 3, 8, 8]), "decoder")


def test_a_declared_batch_of_one_is_refused() -> None:
    assert any(
        "y is declared without a symbolic batch" in said for said in problems(resize([1, 3, 8, 8], [1, 3, 8, 8]))
    )


def test_a_resize_by_scales_is_sound() -> None:
    node = helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest")
    scales = {"scales": np.array([1, 1, 2, 2], np.float32)}
    assert problems(graph([node], {"x": (FLOAT, ["b", 3, 4, 4])}, (FLOAT, ["b", 3, 8, 8]), scales)) == []


@pytest.mark.parametrize(
    ("sizes", "baked"), [([1, 48], True), ([2, 24], True), ([0, 48], False), ([-1, 48], False), ([2, -1, 48], False)]
)
def test_baked_reshapes(sizes: list[int], baked: bool) -> None:
    """Two in front of a dimension that is inferred splits a batch; two in front of numbers is a batch."""
    node = helper.make_node("Reshape", ["x", "sizes"], ["y"])
    model = graph([node], {"x": (FLOAT, ["b", 3, 4, 4])}, (FLOAT, ["b", *sizes[1:]]), {"sizes": np.array(sizes)})
    assert any("has a baked batch" in said for said in problems(model)) == baked


def test_a_batch_that_is_baked_into_a_concatenated_shape() -> None:
    nodes = [
        helper.make_node("Concat", ["one", "rest"], ["sizes"], axis=0),
        helper.make_node("Reshape", ["x", "sizes"], ["y"]),
    ]
    constants = {"one": np.array([1]), "rest": np.array([48])}
    model = graph(nodes, {"x": (FLOAT, ["b", 48])}, (FLOAT, ["b", 48]), constants)
    assert any("baked batch of 1" in said for said in problems(model))


def test_inputs_of_different_batches_are_refused() -> None:
    node = helper.make_node("Add", ["x", "z"], ["y"])
    model = graph([node], {"x": (FLOAT, ["b", 2]), "z": (FLOAT, ["c", 2])}, (FLOAT, ["b", 2]))
    assert any("different batches: b, c" in said for said in problems(model))


def test_operators_of_other_domains_are_refused() -> None:
    """The published warp network has GridSample3D, which needs a TensorRT 8 plugin."""
    node = helper.make_node("GridSample3D", ["x"], ["y"], domain="plugin")
    model = graph([node], {"x": (FLOAT, ["b", 2])}, (FLOAT, ["b", 2]), domains=("plugin",))
    assert "it has operators of the domain plugin" in problems(model)
    assert any("domain plugin is not ONNX's own" in said for said in lint(model, "11.2"))


def test_what_is_not_onnx_is_refused() -> None:
    wrong = graph([helper.make_node("Relu", ["nowhere"], ["y"])], {"x": (FLOAT, ["b"])}, (FLOAT, ["b"]))
    with pytest.raises(Unsupported, match="not a valid ONNX graph"):
        problems(wrong)


def test_shapes_that_contradict_each_other_are_refused() -> None:
    node = helper.make_node("Concat", ["x", "z"], ["y"], axis=1)
    shapes: dict[str, tuple[int, Shape]] = {"x": (FLOAT, ["b", 2, 3]), "z": (FLOAT, ["b", 2, 4])}
    with pytest.raises(Unsupported, match="not a valid ONNX graph"):
        problems(graph([node], shapes, (FLOAT, ["b", 4, 3])))


def test_rank_5_sampling_is_for_tensorrt_11() -> None:
    """10.x reads ONNX's opset 20 and still refuses a volume."""
    volume, picture = inferred(sampling(5)), inferred(sampling(4))
    assert lint(volume, "11.2") == [] and lint(picture, "11.2") == [] and lint(picture, "10.15") == []
    (said,) = lint(volume, "10.15")
    assert "rank 5 is not one of [4]" in said
    with pytest.raises(Unsupported, match=r"TensorRT 10.15 does not take the graph tail: GridSample"):
        require_accepted(volume, "10.15", "tail")


def test_a_grid_of_another_type_is_refused() -> None:
    model = sampling(4, HALF, FLOAT)
    assert any("different types: FP16, FP32" in said for said in lint(model, "11.2"))


def test_opsets_types_and_unknown_operators() -> None:
    relu = helper.make_node("Relu", ["x"], ["y"])
    assert any(
        "opset 25" in said for said in lint(graph([relu], {"x": (FLOAT, ["b"])}, (FLOAT, ["b"]), opset=25), "11.2")
    )
    said = lint(graph([relu], {"x": (DOUBLE, ["b"])}, (DOUBLE, ["b"])), "11.2")
    assert any("DOUBLE is not one of" in each for each in said) and any("cast down" in each for each in said)
    unique = helper.make_node("Det", ["x"], ["y"])
    model = graph([unique], {"x": (FLOAT, ["b", 2, 2])}, (FLOAT, ["b"]))
    assert lint(inferred(model), "11.2") == ["Det y: not an operator of TensorRT 11.2"]


def test_attributes_and_inputs_that_must_be_constant() -> None:
    scales = {"scales": np.array([1, 1, 2, 2], np.float32)}
    inputs: dict[str, tuple[int, Shape]] = {"x": (FLOAT, ["b", 3, 4, 4])}
    cubic = helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="cubic")
    assert any("mode cubic" in said for said in lint(graph([cubic], inputs, (FLOAT, ["b", 3, 8, 8]), scales), "11.2"))
    mean = helper.make_node("ReduceMean", ["x", "axes"], ["y"])
    with_axes = inputs | {"axes": (TensorProto.INT64, [1])}
    assert any("input 1 must be" in said for said in lint(graph([mean], with_axes, (FLOAT, ["b"])), "11.2"))
    quantised = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])
    constants = {"s": np.array(0.1, np.float32), "z": np.array(3, np.int8)}
    model = graph([quantised], inputs, (TensorProto.INT8, ["b", 3, 4, 4]), constants)
    assert any("initializer of zeros" in said for said in lint(model, "11.2"))


def test_too_many_dimensions() -> None:
    shape: Shape = ["b", 1, 1, 1, 1, 1, 1, 1, 1]
    relu = helper.make_node("Relu", ["x"], ["y"])
    assert any("rank 9" in said for said in lint(graph([relu], {"x": (FLOAT, shape)}, (FLOAT, shape)), "11.2"))


def test_the_table_says_where_it_is_from() -> None:
    for version in ("10.15", "11.2"):
        assert table()["versions"][version]["sources"]
    older, newer = operators_of("10.15"), operators_of("11.2")
    assert set(older) == set(newer) and older["GridSample"]["ranks"] == [4] and newer["GridSample"]["ranks"] == [4, 5]
    assert all(rule["types"] in table()["types"] for rule in newer.values())
