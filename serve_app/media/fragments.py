"""A turn's picture and sound as fragmented MP4, one fragment a step, each complete the moment it is asked for.

One clock: a timestamp is a count of audio samples and comes from counting alone, never from a wall clock. Frame n of
the writer lies at (start_frame + n) · rate/25 samples, packet k of its speech at start_frame · rate/25 + 1024 k. The
timeline may therefore start anywhere: a conversation's turns follow each other on one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.contracts import FRAMES_PER_SECOND, EncodedFrame, Pcm
from deployments.errors import EngineFailed
from serve_app.media.aac import CODEC_STRING, SAMPLES_PER_PACKET, AacEncoder
from serve_app.media.boxes import box, full_box, u32, u64
from serve_app.media.h264 import ParameterSets, SampleFormatter, require_parameter_sets
from serve_app.media.movie import AUDIO_TRACK, VIDEO_TRACK, Format, head_boxes

_KEY_SAMPLE, _OTHER_SAMPLE = 0x02000000, 0x01010000
"""Sample flags (§8.8.3.1): depends on no other; depends on others and is no sync sample."""


@dataclass(frozen=True, slots=True)
class _Sample:
    data: bytes
    ticks: int
    flags: int = _KEY_SAMPLE


class FragmentWriter:
    """Makes one turn's stream. Not thread-safe.

    `frame_size` is (width, height) in pixels. `start_frame` is the absolute frame where the turn starts on the
    stream's timeline; `next_frame` is where the next may start.
    """

    def __init__(
        self,
        frame_size: tuple[int, int],
        frames_per_second: int = FRAMES_PER_SECOND,
        audio_rate_hz: int = 48_000,
        start_frame: int = 0,
        audio_bit_rate: int = 96_000,
    ) -> None:
        if audio_rate_hz % frames_per_second:
            raise ValueError(f"{audio_rate_hz} Hz is no whole number of samples a frame at {frames_per_second} fps.")
        self.frame_size = frame_size
        self.start_frame = start_frame
        self.frames = 0
        self._ticks_per_frame = audio_rate_hz // frames_per_second
        self._audio = AacEncoder(audio_rate_hz, audio_bit_rate)
        self._packets = 0
        self._sequence = 0
        self._last_index: int | None = None
        self._parameter_sets: ParameterSets | None = None
        self._formatter: SampleFormatter | None = None

    @property
    def next_frame(self) -> int:
        """The absolute frame after the last one written."""
        return self.start_frame + self.frames

    @property
    def media_type(self) -> str:
        """For Content-Type and MediaSource: container and codecs. Known once the first frame was seen."""
        return f'video/mp4; codecs="{self._configured().codec_string},{CODEC_STRING}"'

    def init_segment(self, first: EncodedFrame | None = None) -> bytes:
        """ftyp and moov, to be sent before any fragment; carries the mark of synthetic media.

        `first` is the stream's first frame; it may be left out once a fragment was made.
        Raises EngineFailed where that frame carries no parameter sets.
        """
        if first is not None:
            self._configure(first)
        layout = Format(
            frame_size=self.frame_size,
            parameter_sets=self._configured(),
            audio_configuration=self._audio.configuration,
            audio_bit_rate=self._audio.bit_rate,
            timescale=self._audio.rate_hz,
        )
        return head_boxes(layout)

    def fragment(self, frames: Sequence[EncodedFrame], pcm: Pcm) -> bytes:
        """One moof and mdat with these frames and all speech that is ready; b"" where nothing is.

        `pcm` is the speech that goes with the frames, or runs ahead of them; what fills no AAC packet yet, and the
        encoder's own delay (up to 80 ms), comes with the next fragment. Its rate is one for the whole turn.
        Raises EngineFailed where frames are missing between this call and the last.
        """
        video = [self._video_sample(frame) for frame in frames]
        audio = [_Sample(packet, SAMPLES_PER_PACKET) for packet in self._audio.encode(pcm)]
        return self._write(video, audio)

    def finish(self) -> bytes:
        """The last fragment: the rest of the speech, followed by silence up to the end of the last frame."""
        packets = self._audio.finish(until_samples=self.frames * self._ticks_per_frame)
        audio = [_Sample(packet, SAMPLES_PER_PACKET) for packet in packets]
        overhang = (self._packets + len(audio)) * SAMPLES_PER_PACKET - self._audio.samples
        if audio and overhang > 0:
            audio[-1] = _Sample(audio[-1].data, SAMPLES_PER_PACKET - overhang)
        return self._write([], audio)

    def _configured(self) -> ParameterSets:
        if self._parameter_sets is None:
            raise ValueError("No frame seen yet: pass the stream's first frame to init_segment().")
        return self._parameter_sets

    def _configure(self, frame: EncodedFrame) -> SampleFormatter:
        if self._formatter is None:
            self._parameter_sets = require_parameter_sets(frame.data)
            self._formatter = SampleFormatter(self._parameter_sets)
        return self._formatter

    def _video_sample(self, frame: EncodedFrame) -> _Sample:
        if self._last_index is not None and frame.index != self._last_index + 1:
            raise EngineFailed(f"The video engine sent frame {frame.index} after frame {self._last_index}.")
        formatter = self._configure(frame)
        self._last_index = frame.index
        flags = _KEY_SAMPLE if frame.key else _OTHER_SAMPLE
        return _Sample(formatter.sample(frame.data), self._ticks_per_frame, flags)

    def _write(self, video: Sequence[_Sample], audio: Sequence[_Sample]) -> bytes:
        if not video and not audio:
            return b""
        self._sequence += 1
        start = self.start_frame * self._ticks_per_frame
        tracks = [
            (VIDEO_TRACK, start + self.frames * self._ticks_per_frame, video),
            (AUDIO_TRACK, start + self._packets * SAMPLES_PER_PACKET, audio),
        ]
        tracks = [track for track in tracks if track[2]]
        self.frames += len(video)
        self._packets += len(audio)
        # The offsets inside moof depend on moof's size, which does not depend on their values: build it twice.
        size = len(_movie_fragment(self._sequence, tracks, 0))
        data = b"".join(sample.data for _, _, samples in tracks for sample in samples)
        return _movie_fragment(self._sequence, tracks, size + 8) + box(b"mdat", data)


def _movie_fragment(sequence: int, tracks: Sequence[tuple[int, int, Sequence[_Sample]]], offset: int) -> bytes:
    """The moof box. `tracks`: (track, decode time of the first sample in ticks, samples); `offset` of the first byte
    of sample data from the start of moof."""
    fragments = []
    for track, time, samples in tracks:
        # tfhd: default-base-is-moof. trun: data offset 1, each sample's duration 0x100, size 0x200, flags 0x400.
        head = full_box(b"tfhd", 0, 0x020000, u32(track))
        decode_time = full_box(b"tfdt", 1, 0, u64(time))
        rows = b"".join(u32(sample.ticks, len(sample.data), sample.flags) for sample in samples)
        fragments.append(
            box(b"traf", head, decode_time, full_box(b"trun", 0, 0x000701, u32(len(samples), offset), rows))
        )
        offset += sum(len(sample.data) for sample in samples)
    return box(b"moof", full_box(b"mfhd", 0, 0, u32(sequence)), *fragments)
