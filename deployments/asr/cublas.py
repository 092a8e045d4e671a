"""The CUDA library that CTranslate2 loads by its name while it runs, where pip has put it."""

import ctypes
import importlib.util
from pathlib import Path

_LIBRARIES = ("libcublasLt.so.12", "libcublas.so.12")
"""In the order in which they need each other."""


def load_cublas() -> None:
    """Loads cuBLAS of nvidia-cublas-cu12, which lies where the system's loader does not look: what is loaded is found
    again by its name. Where that package is not installed the system's is left to be found."""
    for name in _LIBRARIES:
        path = _installed(name)
        if path is not None:
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)


def _installed(name: str) -> Path | None:
    """In the packages that all of NVIDIA's share, which has no files of its own."""
    spec = importlib.util.find_spec("nvidia")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    paths = (Path(folder) / "cublas" / "lib" / name for folder in folders)
    return next((path for path in paths if path.is_file()), None)
