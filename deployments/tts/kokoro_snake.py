"""The activation of Kokoro's decoder, written with operations that processors do well."""

from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import helper

from deployments.errors import EngineFailed

if TYPE_CHECKING:
    from deployments.tts.kokoro_graph import Graph

_DEGREE = 4


def sine_squared_coefficients() -> np.ndarray:
    """c with sin²(πr) = s (c₀ + c₁s + … + c₄s⁴), s = r², for |r| ≤ ½: within 2e-6, fitted at Chebyshev nodes."""
    nodes = (np.cos((np.arange(400) + 0.5) * np.pi / 400) + 1) / 8
    target = np.sin(np.pi * np.sqrt(nodes)) ** 2 / nodes
    return np.asarray(np.polynomial.polynomial.polyfit(nodes, target, _DEGREE), np.float32)


def fast_snakes(graph: "Graph") -> None:
    """The Snake activation x + sin²(ax)/a without a sine, which no runtime vectorises: a polynomial of ax/π.

    Replaces Pow(Sin(Mul(x, a)), 2). Raises EngineFailed where a sine stands elsewhere.
    """
    coefficients = sine_squared_coefficients()
    replacements: dict[int, list[onnx.NodeProto]] = {}
    for node in graph.nodes:
        if node.op_type != "Sin":
            continue
        square, product = graph.one_user(node, "Pow"), graph.maker[node.input[0]]
        rate = next((name for name in product.input if name in graph.constants), None)
        if rate is None or float(graph.constants[square.input[1]].reshape(-1)[0]) != 2.0:
            raise EngineFailed(f"This is not the Kokoro graph that is known: {node.name} is no Snake activation.")
        x = next(name for name in product.input if name != rate)
        stem = node.output[0]
        graph.constants[f"{stem}_rate"] = (graph.constants[rate] / np.pi).astype(np.float32)
        steps = [
            helper.make_node("Mul", [x, f"{stem}_rate"], [f"{stem}_turns"]),
            helper.make_node("Round", [f"{stem}_turns"], [f"{stem}_whole"]),
            helper.make_node("Sub", [f"{stem}_turns", f"{stem}_whole"], [f"{stem}_rest"]),
            helper.make_node("Mul", [f"{stem}_rest", f"{stem}_rest"], [f"{stem}_s"]),
        ]
        value = f"{stem}_c{_DEGREE}"
        for power in range(_DEGREE, -1, -1):
            graph.constants[f"{stem}_c{power}"] = np.asarray(coefficients[power], np.float32)
            if power < _DEGREE:
                steps.append(helper.make_node("Mul", [f"{stem}_s", value], [f"{stem}_m{power}"]))
                value = f"{stem}_h{power}"
                steps.append(helper.make_node("Add", [f"{stem}_m{power}", f"{stem}_c{power}"], [value]))
        steps.append(helper.make_node("Mul", [f"{stem}_s", value], [square.output[0]]))
        replacements |= {id(node): [], id(product): [], id(square): steps}
    graph.replace(replacements)
