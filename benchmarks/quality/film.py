"""A finished film as a player shows it: when each picture appears, the sound on the same clock, the pictures."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soxr

from deployments.contracts import HEARING_RATE_HZ, Float32, Image
from deployments.errors import BadInput

Float64 = npt.NDArray[np.float64]
_JOIN_SECONDS = 0.002
"""Pieces of sound that lie this close to each other follow each other; rounding of timestamps is no gap."""


@dataclass(frozen=True, slots=True)
class Packets:
    """A stream's packets in order of presentation. `starts`, `lengths`: float64 [n], seconds, edit lists applied.
    `keys`: bool [n], whether decoding can begin there."""

    starts: Float64
    lengths: Float64
    keys: npt.NDArray[np.bool_]

    @property
    def end(self) -> float:
        """When the last one is over, seconds."""
        return float((self.starts + self.lengths).max())


@dataclass(frozen=True, slots=True)
class Film:
    """Times are seconds on the player's clock, from when the first of picture and sound begins.

    `frame_times`: float64 [n], when each picture appears. `sound`: float32 [m], mono at `rate_hz`, from time 0 on:
    silence until the sound begins and where it has gaps. Values beyond ±1 are kept, as the decoder gave them.
    """

    path: Path
    frame_times: Float64
    sound: Float32
    rate_hz: int
    video: Packets
    audio: Packets

    @property
    def seconds(self) -> float:
        """Of the longer stream."""
        return max(self.video.end, self.audio.end)

    def heard(self) -> Float32:
        """The sound at 16 kHz, float32 in [-1, 1]."""
        sound = soxr.resample(self.sound, self.rate_hz, HEARING_RATE_HZ) if len(self.sound) else self.sound
        return np.clip(np.asarray(sound, np.float32), -1, 1)


def read_film(path: Path) -> Film:
    """Reads the times of both streams and decodes the sound. Raises BadInput where one of them is missing or broken."""
    try:
        with av.open(str(path)) as container:
            if not container.streams.video or not container.streams.audio:
                raise BadInput(f"{path.name} lacks picture or sound. Give a film that has both.")
            video, audio = (_packets(path, kind) for kind in ("video", "audio"))
            zero = float(min(video.starts[0], audio.starts[0]))
            rate_hz = container.streams.audio[0].rate
            sound = _sound(container, zero, rate_hz)
    except av.FFmpegError as error:
        raise BadInput(f"{path.name} cannot be read as a film: {error}.") from error
    video, audio = (replace(each, starts=each.starts - zero) for each in (video, audio))
    return Film(path, video.starts, sound, rate_hz, video, audio)


def pictures(path: Path) -> Iterator[Image]:
    """The film's pictures in order, uint8 [h, w, 3] BGR."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def _packets(path: Path, kind: str) -> Packets:
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        rows = sorted(
            (
                float(packet.pts * stream.time_base),
                float((packet.duration or 0) * stream.time_base),
                packet.is_keyframe,
            )
            for packet in container.demux(stream)
            if packet.pts is not None and packet.size
        )
    if not rows:
        raise BadInput(f"{path.name} has a {kind} track with nothing in it.")
    starts, lengths, keys = np.array(rows, np.float64).T
    return Packets(starts, lengths, keys > 0)


def _sound(container: av.container.InputContainer, zero: float, rate_hz: int) -> Float32:
    """Each decoded piece where its timestamp puts it."""
    pieces: list[Float32] = []
    now = 0
    for frame in container.decode(audio=0):
        samples = np.asarray(frame.to_ndarray(), np.float32)
        if frame.format.name.startswith(("s16", "s32")):
            samples = samples / np.float32(2 ** (int(frame.format.name[1:3]) - 1))
        channels = frame.layout.nb_channels
        samples = samples.reshape(-1, channels).mean(axis=1) if frame.format.is_packed else samples.mean(axis=0)
        begin = now
        if frame.pts is not None and frame.time_base is not None:
            begin = round((float(frame.pts * frame.time_base) - zero) * rate_hz)
        if begin - now > _JOIN_SECONDS * rate_hz:
            pieces.append(np.zeros(begin - now, np.float32))
            now = begin
        pieces.append(samples.astype(np.float32))
        now += len(samples)
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
