"""What the first bytes of an engine file say, read before any library is given it.

TensorRT proper begins a plan with "ftrt", the number of its serialisation (0 since 8.6), and has its version at bytes
24 to 27, major first (trtexec --getPlanVersionOnly reads the same); until 7 it was "ptrt". TensorRT-RTX writes "vtrt"
and its own version at the same place (as 1.7.1 does).
"""

import struct
from dataclasses import dataclass
from typing import Literal

from deployments.errors import EngineUnusable

Library = Literal["tensorrt", "tensorrt_rtx"]
HEADER_BYTES = 28
REBUILD = "Build it on this machine: avatar engines build."
_NAMES = {"tensorrt": "TensorRT", "tensorrt_rtx": "TensorRT-RTX"}


@dataclass(frozen=True, slots=True)
class PlanHeader:
    """Who wrote an engine. `version`: major, minor, patch; None for a format older than TensorRT 8.6's."""

    library: Library
    version: tuple[int, int, int] | None

    def __str__(self) -> str:
        if self.version is None:
            return "TensorRT 8.5 or older"
        return f"{_NAMES[self.library]} {'.'.join(map(str, self.version))}"


def read_header(plan: bytes, name: str) -> PlanHeader:
    """Of an engine's first bytes. `name` is for the message. Raises EngineUnusable where this is no engine."""
    magic = plan[:4]
    if len(plan) < HEADER_BYTES or magic not in (b"ptrt", b"ftrt", b"vtrt"):
        raise EngineUnusable(f"{name} is not a TensorRT engine, or a damaged one. {REBUILD}")
    (serialisation,) = struct.unpack("<I", plan[4:8])
    if magic == b"ptrt" or (magic == b"ftrt" and serialisation != 0):
        return PlanHeader("tensorrt", None)
    return PlanHeader("tensorrt_rtx" if magic == b"vtrt" else "tensorrt", (plan[24], plan[25], plan[26]))


def require_plan(plan: bytes, name: str, library: Library, version: str) -> None:
    """Raises EngineUnusable unless the engine is of this library and version ("11.2.1.2"; three numbers count).

    Ditto's published engines are TensorRT 8.6's, which nothing from TensorRT 10 on can read.
    """
    found = read_header(plan, name)
    wanted = version_numbers(version)
    if found.library == "tensorrt" and (found.version is None or found.version[0] < 10):
        raise EngineUnusable(
            f"{name} is an engine of {found}. TensorRT 10 and later cannot read it, and no conversion exists. {REBUILD}"
        )
    if found.library != library or found.version != wanted:
        raise EngineUnusable(
            f"{name} is an engine of {found}; {_NAMES[library]} {'.'.join(map(str, wanted))} is installed. {REBUILD}"
        )


def version_numbers(version: str) -> tuple[int, int, int]:
    """(11, 2, 1) of "11.2.1.2"; what is not given is 0."""
    numbers = [int(part) for part in version.split(".")[:3] if part.isdigit()]
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return major, minor, patch
