"""ONNX graphs of the face's networks, opened from files."""

from pathlib import Path
from typing import Any

import onnxruntime

from deployments.contracts import Float32
from deployments.errors import EngineFailed, WeightsMissing


class Graph:
    """One ONNX graph with one input, on the CPU."""

    def __init__(self, path: Path, threads: int) -> None:
        """Raises WeightsMissing where the file is not there, EngineFailed where it is no ONNX graph."""
        if not path.is_file():
            raise WeightsMissing(f"{path} is missing. Fetch Ditto's weights with `avatar models pull`.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        try:
            self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        # ONNX Runtime has an exception type for each way a file can be wrong, all of them direct RuntimeErrors or not.
        except Exception as error:
            raise EngineFailed(f"{path} is no usable ONNX graph. Fetch it again.") from error
        self._path = path
        self._input: str = self._session.get_inputs()[0].name

    def run(self, tensor: Float32) -> list[Float32]:
        """All outputs, in the graph's order. Raises EngineFailed where the graph does not take the tensor."""
        try:
            outputs: list[Float32] = self._session.run(None, {self._input: tensor})
        except Exception as error:
            raise EngineFailed(f"{self._path} failed on {tensor.shape}: it is not the expected network.") from error
        return outputs
