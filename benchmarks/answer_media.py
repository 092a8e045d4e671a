"""What an answer's fragmented MP4 holds: which fragment carries the first of the speech with its picture, and the
sound itself, decoded while it comes in."""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext

from benchmarks.sound import voiced_seconds
from deployments.contracts import Float32
from serve_app.media.boxes import read_boxes, walk_boxes

VIDEO_TRACK, AUDIO_TRACK = 1, 2


@dataclass(frozen=True, slots=True)
class TrackPart:
    """A track's samples in one fragment. `start`, `end` on the track's own timeline, in ticks."""

    track: int
    start: int
    end: int
    samples: tuple[bytes, ...]


def parts_in(data: bytes) -> Iterator[TrackPart]:
    """The tracks of each fragment in `data`, which is whole boxes (ISO/IEC 14496-12 §8.8)."""
    position = 0
    moof, moof_at = b"", 0
    for kind, payload in read_boxes(data):
        if kind == b"moof":
            moof, moof_at = payload, position
        elif kind == b"mdat":
            for inner, traf in read_boxes(moof):
                if inner == b"traf":
                    yield _part(traf, data, moof_at)
        position += len(payload) + 8


def _part(traf: bytes, data: bytes, moof_at: int) -> TrackPart:
    boxes = dict(read_boxes(traf))
    (track,) = struct.unpack_from(">I", boxes[b"tfhd"], 4)
    (start,) = struct.unpack_from(">Q", boxes[b"tfdt"], 4)
    flags, count, offset = struct.unpack_from(">IIi", boxes[b"trun"])
    if flags & 0xFFFFFF != 0x701:
        raise ValueError(f"trun flags {flags:#x}: only those of our own writer are read here")
    rows = struct.iter_unpack(">III", boxes[b"trun"][12 : 12 + 12 * count])
    at, end, samples = moof_at + offset, start, []
    for ticks, size, _ in rows:
        samples.append(data[at : at + size])
        at, end = at + size, end + ticks
    return TrackPart(track, start, end, tuple(samples))


def timescale_of(init: bytes) -> int:
    """Ticks a second, from the first mdhd."""
    head = next(payload for kind, payload in walk_boxes(init) if kind == b"mdhd")
    return int(struct.unpack_from(">I", head, 20 if head[0] == 1 else 12)[0])


class AnswerSound:
    """Decodes an answer's AAC piece by piece, without a gap between them. Mono, `rate_hz` of the file."""

    def __init__(self) -> None:
        self.rate_hz = 0
        self._decoder: AudioCodecContext | None = None

    def feed(self, piece: bytes) -> Float32:
        """The samples that this piece completes; the first piece begins with ftyp and moov."""
        if self._decoder is None:
            self._open(piece)
        assert self._decoder is not None
        found: list[Float32] = []
        for part in parts_in(piece):
            if part.track == AUDIO_TRACK:
                for sample in part.samples:
                    for frame in self._decoder.decode(av.Packet(sample)):
                        found.append(np.asarray(frame.to_ndarray(), np.float32).reshape(-1, frame.samples).mean(axis=0))
        return np.concatenate(found) if found else np.zeros(0, np.float32)

    def _open(self, first: bytes) -> None:
        with av.open(io.BytesIO(first), "r") as container:
            given = container.streams.audio[0].codec_context
            decoder = av.CodecContext.create("aac", "r")
            decoder.extradata = given.extradata
            self.rate_hz = given.sample_rate
        assert isinstance(decoder, AudioCodecContext)
        self._decoder = decoder


def first_speaking_piece(pieces: Sequence[bytes]) -> int | None:
    """The number, from 0, of the piece by which both the first voiced sound of the answer and the picture of that
    moment are there; None for an answer in which nothing is heard."""
    sound = AnswerSound()
    heard = np.concatenate([sound.feed(piece) for piece in pieces]) if pieces else np.zeros(0, np.float32)
    span = voiced_seconds(heard, sound.rate_hz) if len(heard) else None
    if span is None:
        return None
    scale = timescale_of(pieces[0])
    start: int | None = None
    ends = {VIDEO_TRACK: 0.0, AUDIO_TRACK: 0.0}
    for number, piece in enumerate(pieces):
        for part in parts_in(piece):
            start = part.start if start is None else start
            ends[part.track] = (part.end - start) / scale
        if min(ends.values()) > span[0]:
            return number
    return None
