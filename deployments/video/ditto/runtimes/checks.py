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
        first = _first(node.input[index], facts)
        # 0 in a Reshape copies the dimension, -1 infers it. An Expand by 1 changes nothing.
        if first is not None and first > 0 and not (node.op_type == "Expand" and first == 1):
            yield f"{node.op_type} {node.name or node.output[0]} has a baked batch of {first}"


def _first(name: str, facts: Facts) -> int | None:
    """The first of some sizes, where it is a constant."""
    while name not in facts.constants:
        maker = facts.makers.get(name)
        if maker is None or maker.op_type not in ("Concat", "Cast", "Identity"):
            return None
        name = maker.input[0]
    sizes = facts.constants[name]
    return int(sizes.flat[0]) if sizes.size else None
