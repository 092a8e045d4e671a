"""Pictures and sounds that are none, or not what they say."""

import io
import struct
import zlib

import numpy as np
import soundfile

from deployments.contracts import Float32
from deployments.video.builtins import PORTRAITS

RATE_HZ = 16_000
_PNG = b"\x89PNG\r\n\x1a\n"


def cut_photo() -> bytes:
    """The first half of a good JPEG."""
    data = (PORTRAITS / "grace_hopper.jpg").read_bytes()
    return data[: len(data) // 2]


def png(width: int, height: int, rows: bytes = b"\xff" * 500) -> bytes:
    """A PNG, eight bits of grey, whose header says so much; `rows` is what it holds, by default no packed rows."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return _PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def plain_picture(side: int) -> bytes:
    """A good PNG of one grey."""
    return png(side, side, zlib.compress((b"\0" + b"\x80" * side) * side))


def wav(samples: Float32, rate_hz: int = RATE_HZ, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV", subtype=subtype)
    return file.getvalue()


def hum(seconds: float, rate_hz: int = RATE_HZ) -> Float32:
    return (0.3 * np.sin(2 * np.pi * 200 * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def silence(seconds: float) -> bytes:
    return wav(np.zeros(round(seconds * RATE_HZ), np.float32))


def empty_sound() -> bytes:
    """A WAV file's header, and not one sample."""
    return wav(np.zeros(0, np.float32))


def lying_sound() -> bytes:
    """A WAV file that says it holds 30 seconds, and holds one."""
    data = bytearray(wav(hum(1.0)))
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", 30 * RATE_HZ * 2)
    return bytes(data)


def not_a_number() -> bytes:
    """A second of samples that are no numbers."""
    return wav(np.full(RATE_HZ, np.nan, np.float32), subtype="FLOAT")


def too_long() -> bytes:
    """Five minutes of a low hum."""
    return wav(hum(300, 8000), 8000)
