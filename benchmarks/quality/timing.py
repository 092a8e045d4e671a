"""What the container says about time: do picture and sound begin and end together, and is anything missing between."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality.film import Film, Packets
from deployments.errors import BadInput
from serve_app.media.boxes import walk_boxes

_JITTER_SECONDS = 0.0015
"""Timestamps in whole ticks round by less."""


@dataclass(frozen=True, slots=True)
class Timing:
    """As a player sees it, edit lists applied. `start_offset_ms`: first sound less first picture: positive where the
    sound comes later. `end_offset_ms`: the same of the ends. `drift_ms`: end less start offset: by how much the two
    streams' lengths differ. `gaps`: places where a stream's next packet comes later or earlier than after its usual
    length; `largest_gap_ms`: the worst of them, signed. `edits`: edit list entries that shift or cut a track (ISO/IEC
    14496-12 §8.6.6), with the media time they begin at, ticks. `seconds`: of the longer stream."""

    seconds: float
    pictures_per_second: float
    video_first_seconds: float
    video_end_seconds: float
    audio_first_seconds: float
    audio_end_seconds: float
    start_offset_ms: float
    end_offset_ms: float
    drift_ms: float
    gaps: int
    largest_gap_ms: float
    edits: tuple[int, ...]


def timing(film: Film) -> Timing:
    start = float(film.audio.starts[0] - film.video.starts[0])
    end = film.audio.end - film.video.end
    found = np.concatenate([_gaps(film.video), _gaps(film.audio)])
    return Timing(
        seconds=film.seconds,
        pictures_per_second=1 / max(float(np.median(film.video.lengths)), 1e-6),
        video_first_seconds=float(film.video.starts[0]),
        video_end_seconds=film.video.end,
        audio_first_seconds=float(film.audio.starts[0]),
        audio_end_seconds=film.audio.end,
        start_offset_ms=_milliseconds(start),
        end_offset_ms=_milliseconds(end),
        drift_ms=_milliseconds(end - start),
        gaps=len(found),
        largest_gap_ms=1000 * float(found[np.argmax(np.abs(found))]) if len(found) else 0.0,
        edits=edit_list(film.path),
    )


def _milliseconds(seconds: float) -> float:
    """To the microsecond: below are only roundings of sums."""
    return round(1000 * seconds, 3) + 0.0


def edit_list(path: Path) -> tuple[int, ...]:
    """The media times of a file's edits that are not "from the start" (0); -1 is an empty edit, a delay."""
    times: list[int] = []
    for kind, payload in walk_boxes(path.read_bytes()):
        if kind != b"elst":
            continue
        if len(payload) < 8:
            raise BadInput(f"{path.name} holds a broken edit list.")
        version, count = payload[0], struct.unpack_from(">I", payload, 4)[0]
        row, size = (">QqI", 20) if version else (">IiI", 12)
        rows = [struct.unpack_from(row, payload, 8 + size * number) for number in range(count)]
        times += [int(media_time) for _, media_time, _ in rows if media_time != 0]
    return tuple(times)


def _gaps(packets: Packets) -> np.ndarray:
    # Not by each packet's own length: files hide gaps in the length of the packet before.
    away = np.diff(packets.starts) - np.median(packets.lengths)
    return np.asarray(away[np.abs(away) > _JITTER_SECONDS])
