"""A response's picture and sound as what is sent: fragmented MP4, or PCM16 of 24 kHz."""

import base64
import struct
from typing import Protocol

import numpy as np
import soxr

from deployments.contracts import Float32, Pcm
from serve_app.events import Media
from serve_app.media.fragments import FragmentWriter

OUTPUT_RATE_HZ = 24_000
USUAL_MEDIA_TYPE = 'video/mp4; codecs="avc1.42C01F,mp4a.40.2"'
"""Until a first frame was seen: baseline profile, a level that covers up to 1280x720 at 25 fps."""
GAP_FRAMES = 3
"""The sound of a broken-off response runs up to 120 ms beyond its picture: the next response starts after it."""
_HEADER = struct.Struct(">4sIII")
_MAGIC = b"AVM1"


def binary_message(response: int, start_ms: int, duration_ms: int, data: bytes) -> bytes:
    """A part of a response's media as a binary message: 16 bytes of header, big-endian, then MP4."""
    return _HEADER.pack(_MAGIC, response, start_ms, duration_ms) + data


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Packing(Protocol):
    """Makes what is sent of a response's media events."""

    def pack(self, media: Media) -> bytes: ...

    def finish(self) -> bytes:
        """What is left at the end."""
        ...


class Film:
    """Fragmented MP4; the first part begins with the initialisation segment."""

    def __init__(self, frame_size: tuple[int, int], start_frame: int) -> None:
        self._writer = FragmentWriter(frame_size, start_frame=start_frame)
        self._finished = False

    @property
    def media_type(self) -> str:
        """Known once something was packed."""
        return self._writer.media_type

    @property
    def next_frame(self) -> int:
        """Where the session's timeline goes on."""
        broken_off = self._writer.frames > 0 and not self._finished
        return self._writer.next_frame + GAP_FRAMES * broken_off

    def pack(self, media: Media) -> bytes:
        head = self._writer.init_segment(media.frames[0]) if self._writer.frames == 0 else b""
        return head + self._writer.fragment(media.frames, media.pcm)

    def finish(self) -> bytes:
        self._finished = True
        return self._writer.finish() if self._writer.frames else b""


class Sound:
    """PCM16, little-endian, mono, 24 kHz."""

    def __init__(self) -> None:
        self._resampler: soxr.ResampleStream | None = None

    def pack(self, media: Media) -> bytes:
        return _pcm16(self._at_output_rate(media.pcm))

    def finish(self) -> bytes:
        if self._resampler is None:
            return b""
        return _pcm16(self._resampler.resample_chunk(np.zeros(0, np.float32), True))

    def _at_output_rate(self, pcm: Pcm) -> Float32:
        if pcm.rate_hz == OUTPUT_RATE_HZ:
            return pcm.samples
        if self._resampler is None:
            self._resampler = soxr.ResampleStream(pcm.rate_hz, OUTPUT_RATE_HZ, 1, dtype="float32")
        samples: Float32 = self._resampler.resample_chunk(pcm.samples)
        return samples


def _pcm16(samples: Float32) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()
