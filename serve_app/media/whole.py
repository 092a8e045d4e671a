"""A turn as one ordinary MP4 file: moov first, so that it plays while it loads; seekable; nothing is encoded twice."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from deployments.contracts import FRAMES_PER_SECOND, EncodedFrame, Pcm
from deployments.errors import BadInput
from serve_app.media.aac import SAMPLES_PER_PACKET, AacEncoder
from serve_app.media.boxes import box
from serve_app.media.h264 import SampleFormatter, require_parameter_sets
from serve_app.media.movie import Format, SampleTable, head_boxes


def whole_mp4(
    frames: Sequence[EncodedFrame],
    speech: Iterable[Pcm] | None,
    frame_size: tuple[int, int],
    frames_per_second: int = FRAMES_PER_SECOND,
    audio_rate_hz: int = 48_000,
    audio_bit_rate: int = 96_000,
) -> bytes:
    """The file, in memory (about 1.2 Mbit a second of video). `speech` is in pieces, all of one rate.

    None makes a file without an audio track, which browsers loop without a gap. Otherwise the speech is followed by
    silence up to the end of the last frame. Raises BadInput for no frames, EngineFailed for frames that cannot be
    decoded.
    """
    if not frames:
        raise BadInput("There is nothing to put into a video: no frame was made.")
    parameter_sets = require_parameter_sets(frames[0].data)
    formatter = SampleFormatter(parameter_sets)
    ticks_per_frame = audio_rate_hz // frames_per_second
    video = [formatter.sample(frame.data) for frame in frames]
    encoder = AacEncoder(audio_rate_hz, audio_bit_rate)
    audio = [packet for pcm in speech or () for packet in encoder.encode(pcm)]
    if speech is not None:
        audio += encoder.finish(until_samples=len(frames) * ticks_per_frame)
    layout = Format(
        frame_size=frame_size,
        parameter_sets=parameter_sets,
        audio_configuration=encoder.configuration if audio else b"",
        audio_bit_rate=audio_bit_rate,
        timescale=audio_rate_hz,
    )
    video_runs, audio_runs = _interleave(len(video), len(audio), frames_per_second, audio_rate_hz)
    audio_ticks = [SAMPLES_PER_PACKET] * len(audio)
    if audio:
        audio_ticks[-1] -= len(audio) * SAMPLES_PER_PACKET - encoder.samples
    keys = [number for number, frame in enumerate(frames, start=1) if frame.key]

    def head(first_byte: int) -> bytes:
        video_chunks, audio_chunks = _place(video, video_runs, audio, audio_runs, first_byte)
        return head_boxes(
            layout,
            SampleTable([ticks_per_frame] * len(video), [len(s) for s in video], video_chunks, keys),
            SampleTable(audio_ticks, [len(s) for s in audio], audio_chunks),
        )

    # The head's size does not depend on the offsets in it: measure it first, then write it with the true ones.
    start = len(head(0)) + 8
    return head(start) + box(b"mdat", *_in_file_order(video, video_runs, audio, audio_runs))


def _interleave(frames: int, packets: int, fps: int, rate_hz: int) -> tuple[list[int], list[int]]:
    """How many frames and how many packets each second of the file holds: players read both tracks together."""
    seconds = max(1, -(-frames // fps), -(-packets * SAMPLES_PER_PACKET // rate_hz))
    video_ends = [min(frames, second * fps) for second in range(seconds + 1)]
    audio_ends = [min(packets, second * rate_hz // SAMPLES_PER_PACKET) for second in range(seconds)] + [packets]
    return _differences(video_ends), _differences(audio_ends)


def _differences(ends: Sequence[int]) -> list[int]:
    return [after - before for before, after in pairwise(ends)]


def _in_file_order(
    video: Sequence[bytes], video_runs: Sequence[int], audio: Sequence[bytes], audio_runs: Sequence[int]
) -> Iterable[bytes]:
    """The samples as they lie in mdat: a second of frames, the same second of packets, and so on."""
    frame = packet = 0
    for frames, packets in zip(video_runs, audio_runs, strict=True):
        yield from video[frame : frame + frames]
        yield from audio[packet : packet + packets]
        frame, packet = frame + frames, packet + packets


def _place(
    video: Sequence[bytes], video_runs: Sequence[int], audio: Sequence[bytes], audio_runs: Sequence[int], offset: int
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(samples, file offset) of each track's chunks, with the first byte of sample data at `offset`."""
    video_chunks: list[tuple[int, int]] = []
    audio_chunks: list[tuple[int, int]] = []
    frame = packet = 0
    for frames, packets in zip(video_runs, audio_runs, strict=True):
        if frames:
            video_chunks.append((frames, offset))
            offset += sum(map(len, video[frame : frame + frames]))
        if packets:
            audio_chunks.append((packets, offset))
            offset += sum(map(len, audio[packet : packet + packets]))
        frame, packet = frame + frames, packet + packets
    return video_chunks, audio_chunks
