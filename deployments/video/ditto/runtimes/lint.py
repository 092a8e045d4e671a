"""Whether a graph is one that TensorRT takes. TensorRT-RTX, which can be asked on any machine, takes more."""

import functools
import importlib.resources
import json
from collections.abc import Iterator
from typing import Any, Literal

import onnx

from deployments.errors import Unsupported
from deployments.video.ditto.runtimes.onnx_types import NAMES, Facts, facts_of, nodes_of

TensorRtVersion = Literal["10.15", "11.2"]


@functools.cache
def table() -> dict[str, Any]:
    """operators.json, which says of itself what its fields mean and where its facts are from."""
    text = importlib.resources.files(__package__).joinpath("operators.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def operators_of(version: TensorRtVersion) -> dict[str, dict[str, Any]]:
    """The rules of a version by operator, with what it inherits."""
    entry = table()["versions"][version]
    inherited = operators_of(entry["extends"]) if "extends" in entry else {}
    rules: dict[str, dict[str, Any]] = entry["operators"]
    return inherited | rules


def lint(model: onnx.ModelProto, version: TensorRtVersion) -> list[str]:
    """What that version would refuse, or take and silently change, one sentence each; nothing where all is well.

    `model` must have been through shape inference: types and ranks are read from what it noted.
    """
    lowest, highest = table()["versions"][version]["opsets"]
    found = [
        f"opset {entry.version} is outside {lowest} to {highest}"
        for entry in model.opset_import
        if entry.domain in ("", "ai.onnx") and not lowest <= entry.version <= highest
    ]
    facts = facts_of(model)
    rules = operators_of(version)
    for node in nodes_of(model):
        where = f"{node.op_type} {node.name or node.output[0]}"
        if node.domain not in ("", "ai.onnx"):
            found.append(f"{where}: domain {node.domain} is not ONNX's own")
        elif node.op_type not in rules:
            found.append(f"{where}: not an operator of TensorRT {version}")
        else:
            found.extend(f"{where}: {said}" for said in _broken(node, rules[node.op_type], facts))
    found += [f"{name}: DOUBLE would be cast down" for name, known in facts.tensors.items() if known.type == "DOUBLE"]
    return found


def require_accepted(model: onnx.ModelProto, version: TensorRtVersion, name: str) -> None:
    """Raises Unsupported with the first findings, if there are any."""
    if found := lint(model, version):
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        raise Unsupported(f"TensorRT {version} does not take the graph {name}: {'; '.join(found[:3])}{more}.")


def _broken(node: onnx.NodeProto, rule: dict[str, Any], facts: Facts) -> Iterator[str]:
    yield from _wrong_types(node, rule, facts)
    yield from _wrong_ranks(node, rule, facts)
    for index in rule.get("constant_inputs", ()):
        if _given(node, index) and node.input[index] not in facts.constants:
            yield f"input {index} must be an initializer"
    for index in rule.get("zero_inputs", ()):
        if _given(node, index):
            constant = facts.constants.get(node.input[index])
            if constant is None or constant.any():
                yield f"input {index} must be an initializer of zeros"
    if len([name for name in node.output if name]) > rule.get("outputs", len(node.output)):
        yield f"only {rule['outputs']} output is supported"
    for attribute in node.attribute:
        allowed = rule.get("attributes", {}).get(attribute.name)
        value = onnx.helper.get_attribute_value(attribute)
        value = value.decode() if isinstance(value, bytes) else value
        if allowed is not None and value not in allowed:
            yield f"{attribute.name} {value} is not one of {allowed}"


def _wrong_types(node: onnx.NodeProto, rule: dict[str, Any], facts: Facts) -> Iterator[str]:
    allowed = table()["types"][rule["types"]]
    names = [node.input[index] for index in rule.get("typed_inputs", (0,)) if _given(node, index)]
    if not node.input or node.op_type == "ConstantOfShape":
        names = [node.output[0]]
    for name in names:
        known = facts.tensors.get(name)
        if known is None:
            yield f"the type of {name} is unknown"
        elif known.type not in allowed:
            yield f"{known.type} is not one of {', '.join(allowed)}"
    if node.op_type == "Cast":
        target = next(NAMES.get(attribute.i, "other") for attribute in node.attribute if attribute.name == "to")
        if target not in allowed:
            yield f"casts to {target}"
    kinds = {facts.tensors[node.input[i]].type for i in rule.get("same_type", ()) if node.input[i] in facts.tensors}
    if len(kinds) > 1:
        yield f"inputs of different types: {', '.join(sorted(kinds))}"


def _wrong_ranks(node: onnx.NodeProto, rule: dict[str, Any], facts: Facts) -> Iterator[str]:
    for name in (*node.input, *node.output):
        known = facts.tensors.get(name)
        if known is not None and known.shape is not None and len(known.shape) > table()["max_rank"]:
            yield f"{name} has rank {len(known.shape)}, at most {table()['max_rank']} is supported"
    if "ranks" not in rule:
        return
    known = facts.tensors.get(node.input[0])
    if known is None or known.shape is None:
        yield f"the rank of {node.input[0]} is unknown"
    elif len(known.shape) not in rule["ranks"]:
        yield f"rank {len(known.shape)} is not one of {rule['ranks']}"


def _given(node: onnx.NodeProto, index: int) -> bool:
    return index < len(node.input) and node.input[index] != ""
