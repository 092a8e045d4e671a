"""Stand-ins for the networks that find and read a face: small ONNX graphs with the published inputs and outputs, and
F and M that answer from the picture's own colours."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from deployments.contracts import Float32
from deployments.video.ditto.sizes import NARROW, Sizes
from deployments.video.ditto.types import Motion
from tests.ditto_weights import n


def landmarks_203() -> Float32:
    """float32 [203, 2] over the 224 crop's side: a face as the first crop shows one. Eyes and mouth stand where they
    do in a usual face, the other points on an oval from the brows to the chin."""
    turn = np.linspace(0, 2 * np.pi, 203, endpoint=False)
    points = np.stack([0.5 + 0.33 * np.sin(turn), 0.6 - 0.33 * np.cos(turn)], axis=1)
    for indices, (x, y) in {(0, 6, 12, 18): (0.33, 0.42), (24, 30, 36, 42): (0.67, 0.42)}.items():
        around = np.array([[-0.06, 0], [0, -0.02], [0.06, 0], [0, 0.02]])
        points[list(indices)] = np.array([x, y]) + around
    points[[48, 66]] = [[0.39, 0.74], [0.61, 0.74]]
    return points.astype(np.float32)


def _graph(path: Path, given: tuple[str, list[int | str]], outputs: dict[str, npt.NDArray[np.float32]]) -> None:
    """A graph whose outputs are constants plus nothing times its input's mean: it takes what the real one takes."""
    name, shape = given
    nodes = [
        helper.make_node("ReduceMean", [name], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "nothing"], ["none"]),
    ]
    constants = [numpy_helper.from_array(np.zeros((), np.float32), "nothing")]
    for output, values in outputs.items():
        constants.append(numpy_helper.from_array(values.astype(np.float32), f"{output}_values"))
        nodes.append(helper.make_node("Add", [f"{output}_values", "none"], [output]))
    described = [
        helper.make_tensor_value_info(output, TensorProto.FLOAT, list(values.shape))
        for output, values in outputs.items()
    ]
    source = helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, path.stem, [source], described, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(path))


def write_landmark203(folder: Path, outputs: int = 1, points: Float32 | None = None) -> None:
    """landmark203.onnx: as re-exported with one output, or as first published with three, the landmarks last."""
    found = (landmarks_203() if points is None else points).reshape(1, 406)
    named = {"landmarks": found} if outputs == 1 else {"a": found * 0, "b": found[:, :6], "c": found}
    _graph(folder / "landmark203.onnx", ("input", [1, 3, 224, 224]), named)


def write_insightface(folder: Path, box: Sequence[float], points: Float32) -> None:
    """det_10g.onnx that finds one face, `box` (left, top, right, bottom) in its 512 input pixels, twice with unequal
    confidence; 2d106det.onnx that answers `points`, float32 [106, 2] in its 192 input pixels."""
    sides = {stride: 512 // stride for stride in (8, 16, 32)}
    scores = {stride: np.zeros((2 * side * side, 1), np.float32) for stride, side in sides.items()}
    boxes = {stride: np.zeros((2 * side * side, 4), np.float32) for stride, side in sides.items()}
    left, top, right, bottom = box
    cell = int((left + right) / 64), int((top + bottom) / 64)
    for anchor, score in ((0, 0.9), (1, 0.7)):
        place = 2 * (cell[1] * sides[32] + cell[0]) + anchor
        scores[32][place] = score
        x, y = cell[0] * 32, cell[1] * 32
        boxes[32][place] = np.array([x - left, y - top, right - x, bottom - y]) / 32
    named = {f"scores{place + 1}": values for place, values in enumerate(scores.values())}
    named |= {f"boxes{place + 1}": values for place, values in enumerate(boxes.values())}
    for place, values in enumerate(boxes.values()):
        named[f"kps{place + 1}"] = np.zeros((len(values), 10), np.float32)
    _graph(folder / "det_10g.onnx", ("image", [1, 3, 512, 512]), named)
    answer = np.asarray(points / 96 - 1, np.float32).reshape(1, 212)
    _graph(folder / "2d106det.onnx", ("data", ["n", 3, 192, 192]), {"fc1": answer})


class PlainFaceNetworks:
    """F and M without weights: what they give depends on the picture's mean colour, and has the right shapes."""

    def __init__(self, sizes: Sizes = NARROW) -> None:
        self._sizes = sizes

    def appearance(self, picture: Float32) -> torch.Tensor:
        """As FaceNetworks says."""
        sizes = self._sizes
        assert picture.shape == (1, 3, sizes.source_pixels, sizes.source_pixels), picture.shape
        volume = n("stand-in:F", (1, sizes.volume_channels, sizes.depth, sizes.grid, sizes.grid))
        return torch.from_numpy(volume * picture.mean())

    def motion(self, picture: Float32) -> Motion:
        """As FaceNetworks says."""
        assert picture.shape == (1, 3, 256, 256) and picture.dtype == np.float32
        mean = picture.mean()
        pitch, yaw, roll, t, kp, exp = (
            n(f"stand-in:{name}", (1, width))
            for name, width in (("pitch", 66), ("yaw", 66), ("roll", 66), ("t", 3), ("kp", 63), ("exp", 63))
        )
        scale = np.full((1, 1), 1 + 0.1 * mean, np.float32)
        return Motion(scale, pitch, yaw, roll, 0 * t, np.float32(0.05 * mean) * exp, np.float32(0.3) * kp)
