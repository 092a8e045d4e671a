"""The two vendored networks on ONNX Runtime, loaded once a process."""

from functools import lru_cache
from pathlib import Path

import onnxruntime

MODELS = Path(__file__).resolve().parent.parent / "models"
DETECTOR = "blazeface_short_fp16w.onnx"
MESH = "face_mesh_attention_fp16w.onnx"


@lru_cache(maxsize=4)
def session(name: str, threads: int) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session that neither spins nor chatters, with `threads` compute threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(MODELS / name), options, providers=["CPUExecutionProvider"])
