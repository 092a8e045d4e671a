"""Kokoro's published int8 graph, taken apart into three that run faster and sound closer to the original.

The published graph quantizes every convolution dynamically, which costs more than it saves. Here the text and prosody
parts (cheap) stay as they are, and the decoder, with nine tenths of the work, gets its weights back as float32:

    text      tokens [1, n], style [1, 256], speed [1]  ->  durations [n], encoding [1, n, 640], letters [1, 512, n]
    prosody   encoding by frames [1, 640, t], style     ->  pitch [1, 2t] in Hz, energy [1, 2t]
    decoder   letters by frames [1, 512, t], pitch, energy, source [1, 22, 120t+1], timbre [1, 128]
                                                         ->  spectrum [1, 22, 120t+1]

A frame is 600 samples at 24 kHz. Between the parts, frames follow from durations, the harmonic source from pitch and
the audio from the spectrum in a few lines of numpy (harmonics.py). The rewrite is exact up to float rounding, except
that the decoder's activations are no longer rounded to 8 bits.
"""

import copy
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from deployments.errors import EngineFailed
from deployments.tts.kokoro_parts import CHECK_NAME, PARTS, check_inputs
from deployments.tts.kokoro_snake import fast_snakes

_GENERATOR = "/decoder/decoder/generator"
# Names of tensors in the published graph and ours.
_NAMES = {
    "/decoder/Slice_output_0": "timbre",
    "/encoder/Gather_output_0": "durations",
    "/encoder/predictor/text_encoder/Concat_4_output_0": "encoding",
    "/encoder/text_encoder/Transpose_2_output_0": "letters",
    "/encoder/MatMul_output_0": "encoding_frames",
    "/encoder/MatMul_1_output_0": "letter_frames",
    "/encoder/Reshape_output_0": "pitch",
    "/encoder/Reshape_1_output_0": "energy",
    f"{_GENERATOR}/Concat_3_output_0": "source",
    f"{_GENERATOR}/conv_post/Conv_output_0": "spectrum",
}
_INPUTS: dict[str, tuple[int, list[int | str]]] = {
    "tokens": (onnx.TensorProto.INT64, [1, "n"]),
    "style": (onnx.TensorProto.FLOAT, [1, 256]),
    "timbre": (onnx.TensorProto.FLOAT, [1, 128]),
    "speed": (onnx.TensorProto.FLOAT, [1]),
    "encoding_frames": (onnx.TensorProto.FLOAT, [1, 640, "t"]),
    "letter_frames": (onnx.TensorProto.FLOAT, [1, 512, "t"]),
    "pitch": (onnx.TensorProto.FLOAT, [1, "t2"]),
    "energy": (onnx.TensorProto.FLOAT, [1, "t2"]),
    "source": (onnx.TensorProto.FLOAT, [1, 22, "s"]),
}
_PORTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "text": (("tokens", "style", "speed"), ("durations", "encoding", "letters")),
    "prosody": (("encoding_frames", "style"), ("pitch", "energy")),
    "decoder": (("letter_frames", "pitch", "energy", "source", "timbre"), ("spectrum",)),
}


class Graph:
    """A graph being rewritten: its nodes and constants, with who makes and who uses each tensor."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.nodes: list[onnx.NodeProto] = list(model.graph.node)
        self.constants: dict[str, np.ndarray] = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
        self.index()

    def index(self) -> None:
        """Call after nodes have changed."""
        self.maker = {output: node for node in self.nodes for output in node.output}
        self.users: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                self.users[name].append(node)

    def replace(self, replacements: dict[int, list[onnx.NodeProto]]) -> None:
        """Put other nodes in the place of nodes, given by `id`; no nodes removes one."""
        self.nodes = [new for node in self.nodes for new in replacements.get(id(node), [node])]
        self.index()

    def one_user(self, node: onnx.NodeProto, kind: str) -> onnx.NodeProto:
        """The only node that uses `node`'s first output. Raises EngineFailed if it is not of that kind."""
        users = self.users[node.output[0]]
        if len(users) != 1 or users[0].op_type != kind:
            raise EngineFailed(f"This is not the Kokoro graph that is known: {node.name} does not lead to one {kind}.")
        return users[0]

    def part(self, inputs: Iterable[str], outputs: Iterable[str]) -> "Graph":
        """The nodes that lead from `inputs` to `outputs`, as a graph of its own, in the same order."""
        stop, wanted, kept = set(inputs), list(outputs), set[int]()
        while wanted:
            name = wanted.pop()
            if name in stop or name not in self.maker or id(self.maker[name]) in kept:
                continue
            kept.add(id(self.maker[name]))
            wanted.extend(self.maker[name].input)
        result = copy.copy(self)
        result.nodes = [copy.deepcopy(node) for node in self.nodes if id(node) in kept]
        used = {name for node in result.nodes for name in node.input}
        result.constants = {name: array for name, array in self.constants.items() if name in used}
        result.index()
        return result

    def save(self, path: Path, inputs: Iterable[str], outputs: Iterable[str]) -> None:
        used = {name for node in self.nodes for name in node.input}
        domains = {node.domain for node in self.nodes}
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [helper.make_tensor_value_info(name, *_INPUTS[name]) for name in inputs],
            [helper.make_tensor_value_info(name, _output_type(name), None) for name in outputs],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items() if name in used],
        )
        versions = [version for version in self.model.opset_import if version.domain in domains | {""}]
        model = helper.make_model(graph, opset_imports=versions, ir_version=self.model.ir_version)
        path.write_bytes(model.SerializeToString(deterministic=True))


def take_apart(published: Path, folder: Path) -> None:
    """Write the parts, `<part>.onnx`, into `folder`. Takes some seconds and about 1 GB.

    With them goes check.npy: the decoder's output for `check_inputs`, to test other runtimes against. The same graph
    gives the same parts, byte for byte. Raises EngineFailed for a graph that is not the one this was made for.
    """
    whole = Graph(onnx.load(str(published)))
    missing = sorted(name for name in _NAMES if name not in whole.maker)
    if missing:
        raise EngineFailed(f"This is not the Kokoro graph that is known: it lacks {missing[0]}.")
    _rename(whole)
    for name in PARTS:
        inputs, outputs = _PORTS[name]
        part = whole.part(inputs, outputs)
        if name == "decoder":
            dequantize(part)
            fast_snakes(part)
            part = part.part(inputs, outputs)
        part.save(folder / f"{name}.onnx", inputs, outputs)
    _write_check(folder)


def _write_check(folder: Path) -> None:
    session = onnxruntime.InferenceSession(str(folder / "decoder.onnx"), providers=["CPUExecutionProvider"])
    (spectrum,) = session.run(None, dict(check_inputs()))
    np.save(folder / CHECK_NAME, np.asarray(spectrum, np.float32))


def dequantize(graph: Graph) -> None:
    """ConvInteger and MatMulInteger, with what surrounds them, become Conv and MatMul with float32 weights.

    The quantizer of ONNX Runtime writes y = Cast(ConvInteger(x', w') + Floor(b / s)) * s with s = scale of x times
    scale of w, where x' comes from DynamicQuantizeLinear(x).
    """
    replacements: dict[int, list[onnx.NodeProto]] = {}
    for node in graph.nodes:
        if node.op_type not in ("ConvInteger", "MatMulInteger"):
            continue
        after, bias = graph.users[node.output[0]][0], None
        if after.op_type == "Add":
            replacements[id(after)] = []
            bias = _bias_of(graph, after)
            after = graph.one_user(after, "Cast")
        replacements[id(after)] = []
        scaled = graph.one_user(after, "Mul")
        replacements[id(scaled)] = []
        scales = graph.maker[next(name for name in scaled.input if name != after.output[0])]
        scale = next(graph.constants[name] for name in scales.input if name in graph.constants)
        integers, zero = graph.constants[node.input[1]], graph.constants[node.input[3]]
        weights = (integers.astype(np.float32) - zero.astype(np.float32)) * scale
        name = f"{node.output[0]}_weights"
        graph.constants[name] = np.ascontiguousarray(weights, np.float32)
        kind = node.op_type.removesuffix("Integer")
        inputs = [graph.maker[node.input[0]].input[0], name, *([bias] if bias else [])]
        plain = helper.make_node(kind, inputs, [scaled.output[0]], name=f"{node.name}_float")
        plain.attribute.extend(node.attribute)
        replacements[id(node)] = [plain]
    graph.replace(replacements)


def _bias_of(graph: Graph, add: onnx.NodeProto) -> str:
    """The name of the float32 bias behind Reshape(Cast(Floor(Div(bias, scale))))."""
    node = graph.maker[add.input[1]]
    while node.op_type != "Div":
        node = graph.maker[node.input[0]]
    return str(node.input[0])


def _rename(graph: Graph) -> None:
    for node in graph.nodes:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name in _NAMES:
                    names[place] = _NAMES[name]
    graph.index()


def _output_type(name: str) -> int:
    return onnx.TensorProto.INT64 if name == "durations" else onnx.TensorProto.FLOAT


if __name__ == "__main__":
    take_apart(Path(sys.argv[1]), Path(sys.argv[2]))
