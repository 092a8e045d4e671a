"""Real H.264 access units for tests, made the way the video engines make theirs: an IDR with SPS and PPS each group."""

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from deployments.contracts import FRAMES_PER_SECOND, EncodedFrame


def encoded_frames(
    count: int, frame_size: tuple[int, int] = (64, 48), group: int = 5, first_index: int = 0, crf: int = 23
) -> list[EncodedFrame]:
    """`count` frames whose grey level rises by 2 a frame, so that a decoded frame tells its own number.

    As the engine does, each group gets an encoder of its own and begins with an IDR that repeats the headers.
    """
    frames: list[EncodedFrame] = []
    for start in range(0, count, group):
        frames += _group(range(start, min(count, start + group)), frame_size, first_index, crf)
    return frames


def _group(numbers: range, frame_size: tuple[int, int], first_index: int, crf: int) -> list[EncodedFrame]:
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height = frame_size
    codec.pix_fmt = "yuv420p"
    codec.time_base = Fraction(1, FRAMES_PER_SECOND)
    codec.framerate = Fraction(FRAMES_PER_SECOND)
    codec.thread_count = 1
    codec.options = {
        "preset": "superfast",
        "tune": "zerolatency",
        "profile": "baseline",
        "crf": str(crf),
        "x264-params": "annexb=1:repeat-headers=1:keyint=infinite",
    }
    packets: list[av.Packet[Any]] = []
    for number in numbers:
        grey = np.full((frame_size[1], frame_size[0], 3), (16 + 2 * number) % 200, np.uint8)
        frame = av.VideoFrame.from_ndarray(grey, format="bgr24").reformat(format="yuv420p")
        frame.pts = number - numbers.start
        packets += codec.encode(frame)
    packets += codec.encode(None)
    return [
        EncodedFrame(bytes(packet), first_index + number, bool(packet.is_keyframe))
        for number, packet in zip(numbers, packets, strict=True)
    ]


def decoded(data: bytes) -> tuple[list[av.VideoFrame], list[av.AudioFrame]]:
    """All frames and all audio frames of a container."""
    with av.open(io.BytesIO(data), "r") as container:
        video = list(container.decode(video=0))
    with av.open(io.BytesIO(data), "r") as container:
        audio = list(container.decode(audio=0)) if container.streams.audio else []
    return video, audio
