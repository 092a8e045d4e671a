"""When the pieces of a streamed answer arrive, and when playback could start without ever stalling."""

import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

FRAMES_PER_SECOND = 25
_CONTAINERS = (b"moof", b"traf")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A fragment fully received `at_seconds` after the question was sent; `frames` of picture are in it."""

    at_seconds: float
    frames: int
    bytes: int


def arrivals(chunks: Iterable[bytes], clock: Callable[[], float] = time.perf_counter) -> Iterator[Arrival]:
    """Cuts a fragmented MP4 stream into its fragments as it comes in. Times are the clock's own."""
    buffered = b""
    frames = 0
    for chunk in chunks:
        buffered += chunk
        while len(buffered) >= 8:
            size, kind = struct.unpack(">I4s", buffered[:8])
            if len(buffered) < size:
                break
            box, buffered = buffered[:size], buffered[size:]
            if kind == b"moof":
                frames = _video_samples(box[8:])
            elif kind == b"mdat":
                yield Arrival(clock(), frames, len(box))


def _video_samples(moof: bytes) -> int:
    """The sample count of track 1 (video) in a moof (ISO/IEC 14496-12 §8.8.7 and §8.8.8)."""
    for kind, body in _boxes(moof):
        if kind != b"traf":
            continue
        parts = dict(_boxes(body))
        (track,) = struct.unpack(">I", parts[b"tfhd"][4:8])
        if track == 1 and b"trun" in parts:
            (count,) = struct.unpack(">I", parts[b"trun"][4:8])
            return int(count)
    return 0


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    while len(data) >= 8:
        size, kind = struct.unpack(">I4s", data[:8])
        yield kind, data[8:size]
        data = data[size:]


def stall_free_start(found: list[Arrival]) -> float:
    """The earliest start of playback, in seconds after the question, at which no fragment comes too late."""
    start, played = 0.0, 0.0
    for arrival in found:
        start = max(start, arrival.at_seconds - played)
        played += arrival.frames / FRAMES_PER_SECOND
    return start


def worst_lateness(found: list[Arrival]) -> float:
    """How late, in seconds, the latest fragment is when playback starts with the first one; 0 is no stall."""
    return stall_free_start(found) - found[0].at_seconds if found else 0.0
