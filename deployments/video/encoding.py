"""Pictures to H.264, a group at a time: each group opens with an IDR and decodes alone, wherever it was encoded.

libx264 in constant-quality mode, one thread. One long-lived encoder serves every group of its picture size, whichever
stream it belongs to, because a group's bytes do not depend on what was encoded before. Three things make that true:
`qcomp=1` takes the history of picture complexity out of the rate control, `ipratio=1` takes the quantiser of earlier
pictures out of the IDR's (and keeps key and other pictures equally sharp, so nothing pulses), and `idr_pic_id`, which
x264 alternates from IDR to IDR, is made to follow the group's number. A fresh encoder a group costs
0.45 ms a frame more.
"""

import logging
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter

from deployments.contracts import FRAMES_PER_SECOND, EncodedFrame, Image
from deployments.errors import EngineFailed
from deployments.video.settings import EncodingSettings

GROUP_FRAMES = 5
"""Frames in a group, but for a stream's last. Group k holds the frames 5k..5k+4 of its stream: 200 ms."""

_ROUNDING = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
"""swscale rounds down by itself, which darkens and greens the picture by a level; exact costs 0.1 ms a frame."""

_log = logging.getLogger("ray.serve")


class GroupEncoder:
    """Encodes groups of pictures of one size. One instance a thread."""

    def __init__(self, frame_size: tuple[int, int], settings: EncodingSettings) -> None:
        """`frame_size`: (width, height) in pixels, both even. Raises EngineFailed where x264 refuses it."""
        self._width, self._height = frame_size
        self._settings = settings
        self._reformatter = VideoReformatter()
        self._blank = self._convert(np.zeros((self._height, self._width, 3), np.uint8))
        self._context: av.VideoCodecContext | None = None
        self._clock = 0
        self._next_idr_id = 0

    def encode(self, pictures: Sequence[Image], first_index: int) -> list[EncodedFrame]:
        """One group: uint8 [height, width, 3] BGR pictures, numbered from `first_index`, a multiple of GROUP_FRAMES.

        The same pictures with the same indices give the same bytes, in any process on one CPU type.
        Raises EngineFailed for pictures of another size, and where x264 fails.
        """
        if first_index % GROUP_FRAMES or len(pictures) > GROUP_FRAMES:
            raise EngineFailed(f"A group of {len(pictures)} frames cannot start at frame {first_index}.")
        wanted = (self._height, self._width, 3)
        for picture in pictures:
            if picture.shape != wanted or picture.dtype != np.uint8:
                raise EngineFailed(f"The encoder is set up for pictures {wanted} and was given {picture.shape}.")
        frames = [self._convert(picture) for picture in pictures]
        try:
            self._prepare(idr_id=first_index // GROUP_FRAMES % 2)
            packets = [self._encode_one(frame, key=place == 0) for place, frame in enumerate(frames)]
        except (av.FFmpegError, EngineFailed) as error:
            self._context = None  # its history is unknown now; the next group gets a new one
            _log.exception("x264 failed on the group at frame %d", first_index)
            raise EngineFailed("Encoding the video failed; the next request gets a fresh encoder.") from error
        return [
            EncodedFrame(data=packet, index=first_index + place, key=place == 0) for place, packet in enumerate(packets)
        ]

    def _convert(self, picture: Image) -> av.VideoFrame:
        """BGR to 4:2:0 in BT.709 limited range, which is what the stream is tagged with."""
        source = av.VideoFrame.from_ndarray(picture, format="bgr24")
        return self._reformatter.reformat(
            source,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=_ROUNDING,
            threads=1,
        )

    def _prepare(self, idr_id: int) -> None:
        """Leaves an encoder whose next IDR carries `idr_id`. A blank picture moves it on by one (0.8 ms).

        A new encoder starts with a blank in any case: x264 writes its name and options once, into the first picture.
        """
        if self._context is None:
            self._context = self._open()
            self._next_idr_id = 0
            self._encode_one(self._blank, key=True)
        if self._next_idr_id != idr_id:
            self._encode_one(self._blank, key=True)

    def _encode_one(self, frame: av.VideoFrame, key: bool) -> bytes:
        assert self._context is not None
        frame.pts, frame.time_base = self._clock, Fraction(1, FRAMES_PER_SECOND)
        frame.pict_type = PictureType.I if key else PictureType.NONE
        self._clock += 1
        packets = self._context.encode(frame)
        if len(packets) != 1 or packets[0].is_keyframe != key:
            raise EngineFailed("x264 did not give one packet of the kind asked for.")
        self._next_idr_id ^= key
        return bytes(packets[0])

    def _open(self) -> av.VideoCodecContext:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, av.VideoCodecContext)
        context.width, context.height, context.pix_fmt = self._width, self._height, "yuv420p"
        context.framerate = Fraction(FRAMES_PER_SECOND)
        context.time_base = Fraction(1, FRAMES_PER_SECOND)
        context.thread_count = 1
        context.color_range = ColorRange.MPEG.value
        context.color_primaries = ColorPrimaries.BT709.value
        context.color_trc = ColorTrc.BT709.value
        context.colorspace = Colorspace.ITU709.value
        context.options = {
            "preset": self._settings.preset,
            "tune": "zerolatency",
            "profile": "baseline",
            "crf": str(self._settings.crf),
            "forced-idr": "1",
            # keyint leaves the choice of key pictures to us alone
            "x264-params": "keyint=infinite:scenecut=0:open-gop=0:mbtree=0:qcomp=1:ipratio=1"
            ":annexb=1:repeat-headers=1:bframes=0",
        }
        return context
