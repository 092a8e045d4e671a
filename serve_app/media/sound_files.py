"""Speech to a sound file that streams: its bytes come while the speech does, in the formats that OpenAI names.

Every file but bare samples says in its tags that it is AI-generated. Each encoder is PyAV's (libavformat into memory,
one packet at a time), but for WAV, whose header is written here: 44 bytes and a comment, lengths unknown.
"""

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import av
import av.error
import numpy as np
from av.audio.stream import AudioStream

from deployments.contracts import Pcm
from deployments.errors import EngineFailed
from serve_app.media.synthetic import SPEECH_COMMENT

PCM_RATE_HZ = 24_000
"""Of bare samples and WAV, as OpenAI sends them."""
_UNKNOWN_BYTES = 0xFFFFFFFF
"""What a WAV header says where its length is not known yet; readers take all there is."""


class SoundFile(Protocol):
    """Made for one file; not thread-safe."""

    def add(self, pcm: Pcm) -> bytes:
        """What of the file is ready now. Raises EngineFailed for a change of rate."""
        ...

    def end(self) -> bytes:
        """The rest."""
        ...


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """How a format is written: container, codec, rate in hertz, sample format, bits a second and options."""

    media_type: str
    container: str = ""
    codec: str = ""
    rate_hz: int = PCM_RATE_HZ
    samples: str = "s16"
    bit_rate: int = 0
    options: Mapping[str, str] = field(default_factory=dict)

    def open(self) -> SoundFile:
        return _Encoded(self) if self.container else _Samples(with_header=self.media_type == "audio/wav")


FORMATS: dict[str, SoundFormat] = {
    # without the Xing frame, which would have to be gone back to at the end
    "mp3": SoundFormat("audio/mpeg", "mp3", "libmp3lame", 24_000, "s16p", 64_000, {"write_xing": "0"}),
    "opus": SoundFormat("audio/ogg", "ogg", "libopus", 48_000, "s16", 48_000, {"page_duration": "100000"}),
    "aac": SoundFormat("audio/aac", "adts", "aac", 24_000, "fltp", 64_000, {"write_id3v2": "1"}),
    "flac": SoundFormat("audio/flac", "flac", "flac", 24_000, "s16"),
    "wav": SoundFormat("audio/wav"),
    "pcm": SoundFormat(f"audio/pcm;rate={PCM_RATE_HZ}"),
}
"""By OpenAI's names."""


class _Memory(io.RawIOBase):
    """Where libavformat writes: what has come since it was last asked."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


class _Resampled:
    """Speech of any one rate as frames of one format and rate."""

    def __init__(self, sample_format: str, rate_hz: int) -> None:
        self._resampler = av.AudioResampler(format=sample_format, layout="mono", rate=rate_hz)
        self._rate_hz = 0
        self._samples = 0

    def frames(self, pcm: Pcm) -> list[av.AudioFrame]:
        if self._rate_hz not in (0, pcm.rate_hz):
            raise EngineFailed(f"The voice changed its rate from {self._rate_hz} to {pcm.rate_hz} Hz.")
        self._rate_hz = pcm.rate_hz
        if not len(pcm.samples):
            return []
        samples = np.clip(np.nan_to_num(np.asarray(pcm.samples, np.float32)), -1, 1)
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = pcm.rate_hz, Fraction(1, pcm.rate_hz), self._samples
        self._samples += len(samples)
        return self._resampler.resample(frame)

    def rest(self) -> list[av.AudioFrame]:
        return self._resampler.resample(None) if self._samples else []


class _Samples:
    """s16le at PCM_RATE_HZ, after a WAV header where one is wanted."""

    def __init__(self, with_header: bool) -> None:
        self._sound = _Resampled("s16", PCM_RATE_HZ)
        self._head = _wav_header() if with_header else b""

    def add(self, pcm: Pcm) -> bytes:
        return self._bytes(self._sound.frames(pcm))

    def end(self) -> bytes:
        return self._bytes(self._sound.rest())

    def _bytes(self, frames: list[av.AudioFrame]) -> bytes:
        head, self._head = self._head, b""
        return head + b"".join(frame.to_ndarray().astype("<i2").tobytes() for frame in frames)


class _Encoded:
    """A container by libavformat."""

    def __init__(self, form: SoundFormat) -> None:
        self._memory = _Memory()
        self._sound = _Resampled(form.samples, form.rate_hz)
        options = {"flush_packets": "1", **form.options}
        self._container = av.open(self._memory, "w", format=form.container, options=options)
        self._container.metadata["comment"] = SPEECH_COMMENT
        stream = self._container.add_stream(form.codec, rate=form.rate_hz, layout="mono")
        if not isinstance(stream, AudioStream):
            raise EngineFailed(f"PyAV was built without the encoder {form.codec}: install the `av` wheel.")
        self._stream = stream
        self._stream.codec_context.format = form.samples
        self._stream.codec_context.thread_count = 1
        if form.bit_rate:
            self._stream.bit_rate = form.bit_rate

    def add(self, pcm: Pcm) -> bytes:
        frames = self._sound.frames(pcm)
        return self._written(lambda: [packet for frame in frames for packet in self._stream.encode(frame)])

    def end(self) -> bytes:
        frames = [*self._sound.rest(), None]
        last = self._written(lambda: [packet for frame in frames for packet in self._stream.encode(frame)])
        self._container.close()
        return last + self._memory.take()

    def _written(self, packets: Callable[[], list[Any]]) -> bytes:
        try:
            self._container.mux(packets())
        except av.error.FFmpegError as error:
            raise EngineFailed(f"The speech could not be encoded: {error}.") from error
        return self._memory.take()


def _wav_header() -> bytes:
    """RIFF, a comment that names the speech synthetic, the format (PCM, mono, 16 bits), and data of unknown length."""
    comment = SPEECH_COMMENT.encode() + b"\0"
    comment += b"\0" * (len(comment) % 2)
    note = b"INFOICMT" + struct.pack("<I", len(comment)) + comment
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, PCM_RATE_HZ, 2 * PCM_RATE_HZ, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", _UNKNOWN_BYTES, b"WAVE")
    return head + form + struct.pack("<4sI", b"LIST", len(note)) + note + struct.pack("<4sI", b"data", _UNKNOWN_BYTES)
