"""The state of a stream between two steps: opaque to all but this engine, small, checked, and without pickle.

Layout, little-endian: header (magic, format, configuration, avatar, seed, next frame, samples received, ended), the
recurrent values as float64, the audio still needed as int16, and a CRC-32 of everything before it.
"""

import hashlib
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deployments.errors import BadInput
from deployments.video.portrait.level import Loudness
from deployments.video.portrait.motion import Motion

FORMAT = 1
"""Of the layout above, and of what its numbers mean. Raise it with every change to either."""
_HEADER = struct.Struct("<4sH8s8sqQQ?")
_MAGIC = b"PRTR"
_CHECK = struct.Struct("<I")
Int16 = npt.NDArray[np.int16]


def digest(text: str) -> bytes:
    """Eight bytes that stand for a configuration or an avatar."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


@dataclass(slots=True)
class StreamState:
    """`audio`: int16 [n], the stream's samples from `audio_start` on; n = received - audio_start."""

    seed: int
    next_frame: int = 0
    received: int = 0
    ended: bool = False
    audio: Int16 = field(default_factory=lambda: np.zeros(0, np.int16))
    loudness: Loudness = field(default_factory=Loudness)
    motion: Motion = field(default_factory=Motion)

    @property
    def audio_start(self) -> int:
        """Index in the stream of the first sample kept."""
        return self.received - len(self.audio)

    def to_bytes(self, configuration: bytes, avatar_id: str) -> bytes:
        """`configuration`: 8 bytes, see `digest`."""
        values = [value for part in (self.loudness, self.motion) for value in _values(part)]
        header = _HEADER.pack(
            _MAGIC,
            FORMAT,
            configuration,
            digest(avatar_id),
            self.seed,
            self.next_frame,
            self.received,
            self.ended,
        )
        body = header + struct.pack(f"<{len(values)}d", *values) + self.audio.astype("<i2").tobytes()
        return body + _CHECK.pack(zlib.crc32(body))

    @classmethod
    def from_bytes(cls, blob: bytes, configuration: bytes, avatar_id: str) -> "StreamState":
        """Raises BadInput for a state that is damaged, or of another engine, version, configuration or avatar."""
        fresh = cls(seed=0)
        count = sum(1 for part in (fresh.loudness, fresh.motion) for _ in _values(part))
        start = _HEADER.size + 8 * count
        if len(blob) < start + _CHECK.size or blob[:4] != _MAGIC or (len(blob) - start - _CHECK.size) % 2:
            raise BadInput("This is not a state of the portrait engine. Start a new stream without a state.")
        body, check = blob[: -_CHECK.size], _CHECK.unpack(blob[-_CHECK.size :])[0]
        if zlib.crc32(body) != check:
            raise BadInput("The state was damaged on its way. Send the step again with the state as it was returned.")
        _, version, made_by, avatar, seed, next_frame, received, ended = _HEADER.unpack_from(body)
        if version != FORMAT or made_by != configuration:
            raise BadInput(
                "The state comes from a portrait engine of another version or with other settings. "
                "Start a new stream without a state."
            )
        if avatar != digest(avatar_id):
            raise BadInput("The state belongs to another avatar's stream. A stream keeps the avatar it began with.")
        values = iter(struct.unpack_from(f"<{count}d", body, _HEADER.size))
        audio = np.frombuffer(body, "<i2", offset=start).astype(np.int16)
        state = cls(seed, next_frame, received, ended, audio)
        _restore(state.loudness, values)
        _restore(state.motion, values)
        return state


def _values(part: Any) -> Iterator[float]:
    """The floats of a dataclass of floats and of such dataclasses, in order of their fields."""
    for item in fields(part):
        value = getattr(part, item.name)
        if is_dataclass(value):
            yield from _values(value)
        else:
            yield float(value)


def _restore(part: Any, values: Iterator[float]) -> None:
    for item in fields(part):
        value = getattr(part, item.name)
        if is_dataclass(value):
            _restore(value, values)
        else:
            setattr(part, item.name, next(values))
