"""The moov box: what a player must know of our two tracks, H.264 and AAC, before any sample (ISO/IEC 14496-12 §8).

Both tracks count time in samples of the audio track, so one video frame lasts rate/25 ticks and the two cannot drift.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from serve_app.media.aac import elementary_stream_box
from serve_app.media.boxes import IDENTITY_MATRIX, box, full_box, u32
from serve_app.media.h264 import ParameterSets
from serve_app.media.synthetic import user_data_box, xmp_box

VIDEO_TRACK, AUDIO_TRACK = 1, 2
_UNDETERMINED = 0x55C4
"""ISO 639-2 "und", five bits a letter."""


@dataclass(frozen=True, slots=True)
class SampleTable:
    """Where a track's samples lie in a whole file. In a fragmented file it is empty.

    `durations` in ticks and `sizes` in bytes, one per sample; `chunks`: (samples, file offset) of each run of samples
    stored together; `key_samples`: numbers, from 1, of the samples where decoding can start, None where all can.
    """

    durations: Sequence[int] = ()
    sizes: Sequence[int] = ()
    chunks: Sequence[tuple[int, int]] = ()
    key_samples: Sequence[int] | None = None

    def boxes(self) -> list[bytes]:
        runs = [(len(list(same)), duration) for duration, same in groupby(self.durations)]
        found = [full_box(b"stts", 0, 0, u32(len(runs)), *(u32(count, ticks) for count, ticks in runs))]
        if self.key_samples is not None:
            found.append(full_box(b"stss", 0, 0, u32(len(self.key_samples)), u32(*self.key_samples)))
        chunk_runs: list[tuple[int, int]] = []
        for number, (count, _) in enumerate(self.chunks, start=1):
            if not chunk_runs or chunk_runs[-1][1] != count:
                chunk_runs.append((number, count))
        found.append(full_box(b"stsc", 0, 0, u32(len(chunk_runs)), *(u32(first, n, 1) for first, n in chunk_runs)))
        found.append(full_box(b"stsz", 0, 0, u32(0, len(self.sizes)), u32(*self.sizes)))
        found.append(full_box(b"stco", 0, 0, u32(len(self.chunks)), u32(*(offset for _, offset in self.chunks))))
        return found


@dataclass(frozen=True, slots=True)
class Format:
    """What both kinds of file say about their tracks. `timescale` is ticks a second, the audio rate in hertz.

    Without an `audio_configuration` there is no audio track.
    """

    frame_size: tuple[int, int]
    parameter_sets: ParameterSets
    audio_configuration: bytes
    audio_bit_rate: int
    timescale: int

    def video_entry(self) -> bytes:
        """The avc1 sample entry. 0x00480000 is 72 dpi in 16.16; 24 bits of depth; -1 is no colour table."""
        width, height = self.frame_size
        head = bytes(6) + b"\x00\x01" + bytes(16) + width.to_bytes(2) + height.to_bytes(2)
        head += u32(0x00480000, 0x00480000, 0) + b"\x00\x01" + bytes(32) + b"\x00\x18\xff\xff"
        return box(b"avc1", head, box(b"avcC", self.parameter_sets.decoder_configuration))

    def audio_entry(self) -> bytes:
        """The mp4a sample entry: one channel, 16 bits, rate as 16.16."""
        head = bytes(6) + b"\x00\x01" + bytes(8) + b"\x00\x01\x00\x10" + bytes(4) + u32(self.timescale << 16)
        return box(b"mp4a", head, elementary_stream_box(self.audio_configuration, self.audio_bit_rate))


def file_type_box() -> bytes:
    """ftyp: iso5 allows default-base-is-moof (§8.8.7), the rest names what else a reader may treat the file as."""
    return box(b"ftyp", b"iso5", u32(512), b"iso5iso6mp41")


def _track(track: int, layout: Format, table: SampleTable) -> bytes:
    duration = sum(table.durations)
    is_video = track == VIDEO_TRACK
    width, height = layout.frame_size if is_video else (0, 0)
    head = full_box(
        b"tkhd",
        0,
        3,
        u32(0, 0, track, 0, duration, 0, 0),
        bytes(4) + (b"\x00\x00" if is_video else b"\x01\x00") + bytes(2),
        IDENTITY_MATRIX,
        u32(width << 16, height << 16),
    )
    name, handler = (b"video\x00", b"vide") if is_video else (b"audio\x00", b"soun")
    media_head = full_box(b"vmhd", 0, 1, bytes(8)) if is_video else full_box(b"smhd", 0, 0, bytes(4))
    description = full_box(b"stsd", 0, 0, u32(1), layout.video_entry() if is_video else layout.audio_entry())
    location = box(b"dinf", full_box(b"dref", 0, 0, u32(1), full_box(b"url ", 0, 1)))
    media = box(
        b"mdia",
        full_box(b"mdhd", 0, 0, u32(0, 0, layout.timescale, duration), _UNDETERMINED.to_bytes(2), bytes(2)),
        full_box(b"hdlr", 0, 0, u32(0), handler, bytes(12), name),
        box(b"minf", media_head, location, box(b"stbl", description, *table.boxes())),
    )
    return box(b"trak", head, media)


def head_boxes(layout: Format, video: SampleTable | None = None, audio: SampleTable | None = None) -> bytes:
    """ftyp, the mark and moov. Without tables the file is a fragmented one, of unknown length."""
    fragmented = video is None and audio is None
    video, audio = video or SampleTable(), audio or SampleTable()
    duration = max(sum(video.durations), sum(audio.durations))
    tracks = {VIDEO_TRACK: video} | ({AUDIO_TRACK: audio} if layout.audio_configuration else {})
    movie_head = full_box(
        b"mvhd",
        0,
        0,
        u32(0, 0, layout.timescale, duration, 0x00010000),
        b"\x01\x00" + bytes(10),
        IDENTITY_MATRIX,
        bytes(24),
        u32(AUDIO_TRACK + 1),
    )
    extends = [full_box(b"trex", 0, 0, u32(track, 1, 0, 0, 0)) for track in tracks]
    movie = box(
        b"moov",
        movie_head,
        *(_track(track, layout, table) for track, table in tracks.items()),
        box(b"mvex", *extends) if fragmented else b"",
        user_data_box(),
    )
    return file_type_box() + xmp_box() + movie
