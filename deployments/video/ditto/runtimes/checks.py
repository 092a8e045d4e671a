"""What every exported graph must be before anything runs it: above all, right in any batch."""

from collections.abc import Iterator

import onnx

from deployments.errors import Unsupported
from deployments.video.ditto.runtimes.onnx_types import Facts, dimensions, facts_of, nodes_of


def inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` after strict shape inference that trusts nothing but its inputs: what outputs and intermediate tensors
    declare of their shapes is dropped first, since a declaration is what hides a baked batch. Raises Unsupported where
    the graph is not valid ONNX."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("shape")
    try:
        onnx.checker.check_model(model)
        found: onnx.ModelProto = onnx.shape_inference.infer_shapes(
            bare, check_type=True, strict_mode=True, data_prop=True
        )
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise Unsupported(f"This is not a valid ONNX graph: {error}") from error
    return found


def problems(model: onnx.ModelProto) -> list[str]:
    """What is wrong with the batch or the make of a graph, one sentence each; nothing where all is well.

    A published graph resizes to baked sizes [1, …]: given three frames it returns one, without an error, in
    ONNX Runtime as in TensorRT. Raises Unsupported where the graph is not valid ONNX.
    """
    known = inferred(model)
    facts = facts_of(known)
    return [*_foreign(known), *_fixed_ends(model, known), *_baked(known, facts)]


def require_sound(model: onnx.ModelProto, name: str) -> None:
    """Raises Unsupported with every problem, if there is one."""
    if found := problems(model):
        raise Unsupported(
            f"The graph {name} cannot be used: {'; '.join(found)}. Export it with `avatar engines build`."
        )


def _foreign(model: onnx.ModelProto) -> Iterator[str]:
    for domain in sorted({node.domain for node in nodes_of(model)} - {"", "ai.onnx"}):
        yield f"it has operators of the domain {domain}"
    if model.functions:
        yield "it has functions of its own"


def _fixed_ends(model: onnx.ModelProto, known: onnx.ModelProto) -> Iterator[str]:
    """Inputs and outputs whose first dimension is a number: as declared, and as it follows from the inputs."""
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    for value in (*inputs, *model.graph.output):
        shape = dimensions(value)
        if not shape or not isinstance(shape[0], str):
            yield f"{value.name} is declared without a symbolic batch"
    batches = {shape[0] for value in inputs if (shape := dimensions(value)) and isinstance(shape[0], str)}
    if len(batches) > 1:
        yield f"its inputs have different batches: {', '.join(sorted(batches))}"
    for value in known.graph.output:
        shape = dimensions(value)
        if shape and isinstance(shape[0], int):
            yield f"{value.name} has always {shape[0]} row(s), whatever the batch"


def _baked(model: onnx.ModelProto, facts: Facts) -> Iterator[str]:
    """Sizes with a number in the place of the batch, given to what is not itself constant."""
    places = {"Reshape": 1, "Resize": 3, "Expand": 1}
    for node in nodes_of(model):
        index = places.get(node.op_type)
        if index is None or index >= len(node.input) or node.input[index] == "" or node.input[0] in facts.constants:
            continue
        sizes = _sizes(node.input[index], facts)
        if sizes and _is_baked(node.op_type, sizes):
            yield f"{node.op_type} {node.name or node.output[0]} has a baked batch of {sizes[0]}"


def _is_baked(operator: str, sizes: list[int]) -> bool:
    """Whether these sizes hold for one batch only: 0 in a Reshape copies a dimension, -1 infers it, and a batch that is
    split in two may have become that; an Expand by 1 changes nothing."""
    if operator == "Expand":
        return sizes[0] > 1
    if operator == "Reshape" and sizes[0] > 1:
        return all(size > 0 for size in sizes)
    return sizes[0] > 0


def _sizes(name: str, facts: Facts) -> list[int]:
    """The leading sizes that are constant; -1 after them where others follow."""
    constant = facts.constants.get(name)
    if constant is not None:
        return [int(size) for size in constant.flat]
    maker = facts.makers.get(name)
    if maker is None or maker.op_type not in ("Concat", "Cast", "Identity"):
        return []
    return [*_sizes(maker.input[0], facts), -1]
