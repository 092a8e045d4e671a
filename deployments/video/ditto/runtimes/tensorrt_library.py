"""The one place that knows which TensorRT there is: `tensorrt` on a machine with a GPU, `tensorrt_rtx` to build ahead
of time on any. Their programming interfaces are the same but for `set_compute_capability`."""

import importlib
import logging
from functools import cache
from typing import Any

from deployments.errors import EngineUnusable
from deployments.gpu.errors import DriverTooOld
from deployments.gpu.nvml import Cards
from deployments.video.ditto.runtimes.plan_header import Library, version_numbers

logger = logging.getLogger("ray.serve")

OLDEST = {"tensorrt": (11, 2, 1), "tensorrt_rtx": (1, 7, 0)}
"""TensorRT 11.2.1 is the first that samples volumes (rank-5 GridSample)."""
_INSTALL = {
    "tensorrt": "Install it with: pip install 'realtime-avatar[gpu]' (its wheel comes from NVIDIA's own index).",
    "tensorrt_rtx": "Install it with: pip install 'realtime-avatar[rtx]'.",
}
OLDEST_DRIVER = (580, 65)
"""Linux driver of CUDA 13.0, which TensorRT 11's and torch's packages are built with."""


@cache
def load(library: Library) -> Any:
    """The module. Raises EngineUnusable where it is absent or too old."""
    try:
        module = importlib.import_module(library)
    except ImportError as error:
        raise EngineUnusable(f"{library} cannot be imported ({error}). {_INSTALL[library]}") from error
    if version_numbers(module.__version__) < OLDEST[library]:
        oldest = ".".join(map(str, OLDEST[library]))
        raise EngineUnusable(f"{library} {module.__version__} is older than {oldest}. {_INSTALL[library]}")
    return module


def require_driver(cards: Cards) -> None:
    """Asks NVML before any TensorRT runtime is made: without a driver each of a runtime's calls ends the process.

    Raises NoGpu without a driver, DriverTooOld with one that is too old.
    """
    version = cards.driver()
    if version_numbers(version)[:2] < OLDEST_DRIVER:
        oldest = ".".join(map(str, OLDEST_DRIVER))
        raise DriverTooOld(f"The NVIDIA driver is {version}; TensorRT 11 needs {oldest} or newer. Update the driver.")


class Log:
    """What TensorRT says, kept for the message of an error and passed on to our log."""

    def __init__(self, module: Any) -> None:
        errors: list[str] = []
        severities = module.ILogger

        class Listener(module.ILogger):  # type: ignore[misc]
            def __init__(self) -> None:
                severities.__init__(self)

            def log(self, severity: Any, message: str) -> None:
                if severity in (severities.INTERNAL_ERROR, severities.ERROR):
                    errors.append(message)
                    logger.error("TensorRT: %s", message)
                elif severity == severities.WARNING:
                    logger.info("TensorRT: %s", message)

        self.errors = errors
        self.listener = Listener()

    def last(self) -> str:
        """The last error, or that there was none."""
        return self.errors[-1] if self.errors else "it gives no reason"
