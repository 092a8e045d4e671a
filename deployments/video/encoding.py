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
import cv2
import numpy as np
from av.video.frame import PictureType
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from deployments.contracts import FRAMES_PER_SECOND, EncodedFrame, Image
from deployments.errors import EngineFailed
from deployments.video.encoding_settings import EncodingSettings

GROUP_FRAMES = 5
"""Frames in a group, but for a stream's last. Group k holds the frames 5k..5k+4 of its stream: 200 ms."""

_RED, _BLUE = 0.2126, 0.0722
_LUMA = np.array([_BLUE, 1 - _RED - _BLUE, _RED])
_FROM_BGR = np.array(
    [
        [*(219 / 255 * _LUMA), 16],
        [*(224 / 255 * (np.eye(3)[0] - _LUMA) / (2 - 2 * _BLUE)), 128],
        [*(224 / 255 * (np.eye(3)[2] - _LUMA) / (2 - 2 * _RED)), 128],
    ],
    np.float32,
)
"""Y'CbCr of B'G'R', 8 bits in limited range (ITU-R BT.709-6, 3.2 to 3.5): float32 [3, 4]."""

_log = logging.getLogger("ray.serve")


class Pictures:
    """What both encoders take, as frames of PyAV: BGR pictures, or planes that were converted where they were made."""

    def __init__(self, frame_size: tuple[int, int]) -> None:
        """`frame_size`: (width, height) in pixels, both even."""
        self._width, self._height = frame_size
        self._planes = np.empty((self._height * 3 // 2, self._width), np.uint8)

    def check(self, shapes: Sequence[tuple[int, ...]], first_index: int) -> None:
        """Raises EngineFailed where pictures of these shapes are no group that starts at this frame."""
        if first_index % GROUP_FRAMES or len(shapes) > GROUP_FRAMES:
            raise EngineFailed(f"A group of {len(shapes)} frames cannot start at frame {first_index}.")
        wanted = ((self._height, self._width, 3), (self._height * 3 // 2, self._width))
        for shape in shapes:
            if shape not in wanted:
                raise EngineFailed(f"The encoder is set up for pictures {wanted[0]} and was given {shape}.")

    def blank(self) -> av.VideoFrame:
        """A black frame."""
        return self.frame(np.zeros((self._height, self._width, 3), np.uint8))

    def frame(self, picture: Image) -> av.VideoFrame:
        """4:2:0 in BT.709 limited range, which is what the stream is tagged with. Raises EngineFailed for other types
        than uint8."""
        if picture.dtype != np.uint8:
            raise EngineFailed(f"The encoder takes uint8 and was given {picture.dtype}.")
        if picture.ndim == 2:
            return av.VideoFrame.from_ndarray(picture, format="nv12")
        return av.VideoFrame.from_ndarray(self._converted(picture), format="nv12")

    def _converted(self, picture: Image) -> Image:
        """The picture's planes, until the next call. A colour sample is that of the mean of two by two pixels; swscale,
        which filters wider, takes twice the time."""
        luma, chroma = self._planes[: self._height], self._planes[self._height :]
        cv2.extractChannel(cv2.transform(picture, _FROM_BGR), 0, luma)
        quarter = cv2.resize(picture, (self._width // 2, self._height // 2), interpolation=cv2.INTER_AREA)
        cv2.mixChannels(
            [cv2.transform(quarter, _FROM_BGR)],
            [chroma.reshape(self._height // 2, self._width // 2, 2)],
            [1, 0, 2, 1],
        )
        return self._planes


def describe(context: av.VideoCodecContext, frame_size: tuple[int, int]) -> None:
    """Gives an encoder what all streams have in common: size, pace, colours."""
    context.width, context.height = frame_size
    context.framerate = Fraction(FRAMES_PER_SECOND)
    context.time_base = Fraction(1, FRAMES_PER_SECOND)
    context.color_range = ColorRange.MPEG.value
    context.color_primaries = ColorPrimaries.BT709.value
    context.color_trc = ColorTrc.BT709.value
    context.colorspace = Colorspace.ITU709.value


def send(context: av.VideoCodecContext, frame: av.VideoFrame, clock: int, key: bool) -> bytes:
    """The access unit of one frame, the `clock`-th of this encoder. Raises EngineFailed where it is not the one packet
    of the kind asked for, and av.FFmpegError."""
    frame.pts, frame.time_base = clock, Fraction(1, FRAMES_PER_SECOND)
    frame.pict_type = PictureType.I if key else PictureType.NONE
    packets = context.encode(frame)
    if len(packets) != 1 or packets[0].is_keyframe != key:
        raise EngineFailed("The encoder did not give one packet of the kind asked for.")
    return bytes(packets[0])


class GroupEncoder:
    """Encodes groups of pictures of one size by libx264. One instance a thread."""

    device_frames = False
    """Whether pictures may lie on the card."""

    def __init__(self, frame_size: tuple[int, int], settings: EncodingSettings) -> None:
        """`frame_size`: (width, height) in pixels, both even. Raises EngineFailed where x264 refuses it."""
        self._size = frame_size
        self._settings = settings
        self._pictures = Pictures(frame_size)
        self._blank = self._pictures.blank()
        self._context: av.VideoCodecContext | None = None
        self._clock = 0
        self._next_idr_id = 0

    def encode(self, pictures: Sequence[Image], first_index: int) -> list[EncodedFrame]:
        """One group, numbered from `first_index`, a multiple of GROUP_FRAMES. Each picture is BGR, uint8 [height,
        width, 3], or NV12 in BT.709 limited range, uint8 [3/2 height, width].

        The same pictures with the same indices give the same bytes, in any process on one CPU type.
        Raises EngineFailed for pictures of another size, and where x264 fails.
        """
        self._pictures.check([picture.shape for picture in pictures], first_index)
        frames = [self._pictures.frame(picture) for picture in pictures]
        try:
            self._prepare(idr_id=first_index // GROUP_FRAMES % 2)
            packets = [self._encode_one(frame, key=place == 0) for place, frame in enumerate(frames)]
        except (av.FFmpegError, EngineFailed) as error:
            self._context = None  # its history is unknown now; the next group gets a new one
            _log.exception("x264 failed on the group at frame %d", first_index)
            raise EngineFailed("Encoding the video failed; the next request gets a fresh encoder.") from error
        return numbered(packets, first_index)

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
        self._clock += 1
        packet = send(self._context, frame, self._clock, key)
        self._next_idr_id ^= key
        return packet

    def _open(self) -> av.VideoCodecContext:
        context = av.CodecContext.create("libx264", "w")
        assert isinstance(context, av.VideoCodecContext)
        describe(context, self._size)
        context.pix_fmt = "nv12"
        context.thread_count = 1
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


def numbered(packets: Sequence[bytes], first_index: int) -> list[EncodedFrame]:
    """The access units of one group as frames, the first of them the key."""
    return [
        EncodedFrame(data=packet, index=first_index + place, key=place == 0) for place, packet in enumerate(packets)
    ]
