"""A part of a film on its way into the store: one clause's speech and frames, and the state to go on from."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deployments.contracts import EncodedFrame, Float32, Pcm
from deployments.errors import EngineFailed

_HEADER = struct.Struct("<4sHIIIIQ")
"""Magic, version, rate in hertz, first frame's index, frames, bytes of state, samples. Little endian throughout."""
_FRAME = struct.Struct("<I?")
"""Bytes of a frame, and whether decoding can start there."""
_MAGIC, _VERSION = b"RAJP", 1
_FULL_SCALE = 32767.0

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Part:
    """`speech`: int16 [n], mono, of `rate_hz`, a whole number of frames long; 0 Hz where nothing was ever said.
    `frames` follow on those of the part before; they lag behind the speech by the engine's look-ahead. `state` is the
    video stage's after them."""

    rate_hz: int
    speech: Samples
    frames: tuple[EncodedFrame, ...]
    state: bytes

    @property
    def pcm(self) -> Pcm:
        return Pcm((self.speech / np.float32(_FULL_SCALE)).astype(np.float32), self.rate_hz)


def to_samples(speech: Float32) -> Samples:
    """float32 [n] in [-1, 1] to int16 [n]: what is kept is what the film is made of, resumed or not."""
    rounded: Samples = np.rint(np.clip(speech, -1.0, 1.0) * _FULL_SCALE).astype(np.int16)
    return rounded


def pack(part: Part) -> bytes:
    first = part.frames[0].index if part.frames else 0
    head = _HEADER.pack(
        _MAGIC, _VERSION, part.rate_hz, first, len(part.frames), len(part.state), len(part.speech)
    )  # fmt: skip
    table = b"".join(_FRAME.pack(len(frame.data), frame.key) for frame in part.frames)
    frames = b"".join(frame.data for frame in part.frames)
    return b"".join((head, table, part.state, frames, part.speech.astype("<i2").tobytes()))


def unpack(data: bytes) -> Part:
    """Raises EngineFailed for bytes that `pack` has not made."""
    try:
        magic, version, rate_hz, first, count, state_bytes, samples = _HEADER.unpack_from(data)
        if (magic, version) != (_MAGIC, _VERSION):
            raise ValueError("magic or version")
        at = _HEADER.size + count * _FRAME.size
        table = list(_FRAME.iter_unpack(data[_HEADER.size : at]))
        state, at = data[at : at + state_bytes], at + state_bytes
        frames = []
        for number, (size, key) in enumerate(table):
            frames.append(EncodedFrame(data[at : at + size], first + number, key))
            at += size
        if len(data) != at + 2 * samples:
            raise ValueError("length")
    except (struct.error, ValueError) as error:
        raise EngineFailed("A stored part of the video is damaged. Order the video again.") from error
    speech = np.frombuffer(data, "<i2", offset=at).astype(np.int16)
    return Part(rate_hz, speech, tuple(frames), state)


def joined(parts: Sequence[Part]) -> list[EncodedFrame]:
    """All frames in order. Raises EngineFailed where one is missing."""
    frames = [frame for part in parts for frame in part.frames]
    if [frame.index for frame in frames] != list(range(len(frames))):
        raise EngineFailed("The stored parts of the video do not fit together. Order the video again.")
    return frames
