"""torchaudio beside a torch without CUDA.

The published torchaudio is linked to CUDA and its compiled part does not load beside a CPU torch. XTTS needs only what
is written in torch itself (mel spectrogram, resampling), so that part is replaced before torchaudio is imported.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

_NAME = "torchaudio._extension"


def allow_torchaudio() -> None:
    """Call before anything imports torchaudio. Does nothing where torch has CUDA, or torchaudio is here already."""
    import torch

    if torch.version.cuda is None and "torchaudio" not in sys.modules:
        sys.modules[_NAME] = _stub()


def _stub() -> ModuleType:
    module = ModuleType(_NAME)

    def refused(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            raise RuntimeError(f"{function.__name__} needs torchaudio's compiled part, which needs a torch with CUDA.")

        return call

    contents: dict[str, object] = {
        "_IS_TORCHAUDIO_EXT_AVAILABLE": False,
        "_IS_ALIGN_AVAILABLE": False,
        "fail_if_no_align": refused,
        "_check_cuda_version": lambda: None,
    }
    module.__dict__.update(contents)
    return module
