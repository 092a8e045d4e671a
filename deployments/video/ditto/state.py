"""The state of a Ditto stream between two steps: opaque to all but this engine, small, checked, and without pickle.

Layout, little-endian: header (magic, format, configuration, avatar), the motion's counters as int64, the number of rows
of each array as uint32, the arrays, and a CRC-32 of everything before it.
"""

import struct
import zlib
from dataclasses import dataclass, field, fields
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from deployments.contracts import Float32
from deployments.errors import BadInput
from deployments.video.ditto.motion.state import MOST_BYTES, MotionState
from deployments.video.ditto.sizes import POINTS
from deployments.video.encoding import GROUP_FRAMES

FORMAT = 1
"""Of the layout above, and of what its numbers mean. Raise it with every change to either."""
MOST_STATE_BYTES = 256 * 1024
"""A state at its largest stays under this (tests try it)."""
LARGEST_STATE = MOST_BYTES + 4 * 3 * POINTS * (GROUP_FRAMES - 1) + 256
"""Bytes, counters and checks generously included."""
_HEADER = struct.Struct("<4sH8s8s")
_MAGIC = b"DITO"
_CHECK = struct.Struct("<I")


def digest(text: str) -> bytes:
    """Eight bytes that stand for a configuration or an avatar."""
    return blake2b(text.encode(), digest_size=8).digest()


def _no_points() -> Float32:
    return np.zeros((0, POINTS, 3), np.float32)


@dataclass(slots=True)
class StreamState:
    """`motion`: all that the motion goes on from. `waiting`: float32 [n, 21, 3], driving keypoints of the frames
    [motion.emitted - n, motion.emitted), whose group is not yet whole."""

    motion: MotionState
    waiting: Float32 = field(default_factory=_no_points)

    @property
    def next_frame(self) -> int:
        """Index of the next frame to be drawn."""
        return self.motion.emitted - len(self.waiting)

    def to_bytes(self, configuration: bytes, avatar_id: str) -> bytes:
        """`configuration`: 8 bytes, see `digest`."""
        values = [getattr(self.motion, each.name) for each in fields(self.motion)]
        arrays = [value for value in values if isinstance(value, np.ndarray)] + [self.waiting]
        counters = [int(value) for value in values if not isinstance(value, np.ndarray)]
        body = b"".join(
            [
                _HEADER.pack(_MAGIC, FORMAT, configuration, digest(avatar_id)),
                struct.pack(f"<{len(counters)}q{len(arrays)}I", *counters, *map(len, arrays)),
                *(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for array in arrays),
            ]
        )
        return body + _CHECK.pack(zlib.crc32(body))

    @classmethod
    def from_bytes(cls, blob: bytes, configuration: bytes, avatar_id: str) -> "StreamState":
        """Raises BadInput for a state that is damaged, or of another engine, version, configuration or avatar."""
        if len(blob) < _HEADER.size + _CHECK.size or blob[:4] != _MAGIC:
            raise BadInput("This is not a state of the Ditto engine. Start a new stream without a state.")
        body, check = blob[: -_CHECK.size], _CHECK.unpack(blob[-_CHECK.size :])[0]
        if zlib.crc32(body) != check:
            raise BadInput("The state was damaged on its way. Send the step again with the state as it was returned.")
        _, version, made_by, avatar = _HEADER.unpack_from(body)
        if version != FORMAT or made_by != configuration:
            raise BadInput(
                "The state comes from a Ditto engine of another version or with other settings or weights. "
                "Start a new stream without a state."
            )
        if avatar != digest(avatar_id):
            raise BadInput("The state belongs to another avatar's stream. A stream keeps the avatar it began with.")
        return _read(body)


def _read(body: bytes) -> StreamState:
    fresh = StreamState(MotionState(seed=0))
    values: dict[str, Any] = {each.name: getattr(fresh.motion, each.name) for each in fields(fresh.motion)}
    forms: dict[str, npt.NDArray[Any]] = {
        name: value for name, value in values.items() if isinstance(value, np.ndarray)
    }
    counted = [name for name in values if name not in forms]
    numbers = struct.Struct(f"<{len(counted)}q{len(forms) + 1}I")
    read = numbers.unpack_from(body, _HEADER.size)
    found: dict[str, Any] = {
        name: type(values[name])(value) for name, value in zip(counted, read[: len(counted)], strict=True)
    }
    offset, arrays = _HEADER.size + numbers.size, []
    for form, rows in zip((*forms.values(), fresh.waiting), read[len(counted) :], strict=True):
        shape = (rows, *form.shape[1:])
        count = int(np.prod(shape))
        kind = form.dtype.newbyteorder("<")
        arrays.append(np.frombuffer(body, kind, count, offset).astype(form.dtype, copy=False).reshape(shape))
        offset += count * kind.itemsize
    *kept, waiting = arrays
    found |= zip(forms, kept, strict=True)
    return StreamState(MotionState(**found), waiting)
