"""H.264 by the encoder of an NVIDIA card: groups as libx264 makes them, off the CPU.

Through FFmpeg's h264_nvenc. Each group opens with an IDR that carries its SPS and PPS (FFmpeg has NVENC repeat them
where no global header is asked for), has no B pictures, and comes out at once (`delay` 0). The quantiser is constant,
so that no group's quality depends on the ones before. Unlike x264's, the bytes are the driver's affair: they are not
promised to be the same on another card.
"""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import av
import numpy as np
from av.video.frame import CudaContext

from deployments.contracts import EncodedFrame
from deployments.errors import EngineFailed
from deployments.video.encoding import Pictures, describe, numbered, send
from deployments.video.encoding_settings import EncodingSettings

if TYPE_CHECKING:
    import torch

Create = Callable[..., Any]

_ENDLESS = 1 << 30
"""Frames until NVENC would set a key picture by itself."""
_PITCH = 256
"""Bytes that rows on the card are aligned to."""
_REFUSALS = (av.FFmpegError, EngineFailed, ImportError, AssertionError, RuntimeError, TypeError, ValueError)
"""What build, driver or card lack is told in types of PyAV, of torch and of Python."""
_PARAMETER_SETS = {7, 8}
"""NAL unit types of SPS and PPS (H.264 table 7-1)."""

_log = logging.getLogger("ray.serve")


class NvencEncoder:
    """Encodes groups of pictures of one size. One instance a thread. `device_frames`: whether pictures may, and then
    must, lie on the card."""

    def __init__(
        self,
        frame_size: tuple[int, int],
        settings: EncodingSettings,
        device: int,
        device_frames: bool = False,
        create: Create = av.CodecContext.create,
    ) -> None:
        """`frame_size`: (width, height) in pixels, both even. `device`: the card's CUDA ordinal.

        A trial group is encoded at once. Raises EngineFailed where the card has no such encoder, no session left, or
        does not do what is asked.
        """
        self._size = frame_size
        self._settings = settings
        self._device = device
        self._create = create
        self._pictures = Pictures(frame_size)
        self._staging: _Staging | None = None
        self.device_frames = device_frames
        self._context: av.VideoCodecContext | None = None
        self._clock = 0
        self._try()

    def encode(self, pictures: Sequence[Any], first_index: int) -> list[EncodedFrame]:
        """One group, numbered from `first_index`, a multiple of GROUP_FRAMES: BGR, uint8 [height, width, 3], or NV12
        in BT.709 limited range, uint8 [3/2 height, width]; with `device_frames` NV12 tensors on the card, whose making
        has come to its end: no stream is waited for.

        Raises EngineFailed for pictures of another size, and where NVENC fails; RuntimeError where the card does.
        """
        self._pictures.check([tuple(picture.shape) for picture in pictures], first_index)
        try:
            packets = [self._encode_one(self._frame(picture), place == 0) for place, picture in enumerate(pictures)]
        except (av.FFmpegError, EngineFailed) as error:
            self._context = None
            _log.exception("NVENC failed on the group at frame %d", first_index)
            raise EngineFailed("Encoding the video failed; the next request gets a fresh encoder.") from error
        except RuntimeError:  # torch's, of the card itself
            self._context = None
            raise
        return numbered(packets, first_index)

    def _frame(self, picture: Any) -> av.VideoFrame:
        return self._pictures.frame(picture) if self._staging is None else self._staging.frame(picture)

    def _encode_one(self, frame: av.VideoFrame, key: bool) -> bytes:
        if self._context is None:
            self._context = self._open()
        self._clock += 1
        return send(self._context, frame, self._clock, key)

    def _try(self) -> None:
        """Two keys with a picture between them, to see that keys come when asked for and are complete."""
        try:
            if self.device_frames:
                self._staging = _Staging(self._size, f"cuda:{self._device}", self._device)
            blank = self._pictures.blank() if self._staging is None else self._staging.blank()
            packets = [self._encode_one(blank, key) for key in (True, False, True)]
        except _REFUSALS as error:
            reason = getattr(error, "strerror", None) or error  # FFmpeg's own words, without all the options
            raise EngineFailed(
                f"The card offers no NVENC encoder ({reason}). Set `encoder` to x264, or check driver and sessions."
            ) from error
        if not all(_unit_types(packet) >= _PARAMETER_SETS for packet in (packets[0], packets[2])):
            raise EngineFailed("NVENC's key pictures lack their parameter sets. Set `encoder` to x264.")

    def _open(self) -> av.VideoCodecContext:
        context = self._create("h264_nvenc", "w")
        # With cuda the context of the first frame is taken over, and with it the stream that NVENC works on.
        context.pix_fmt = "nv12" if self._staging is None else "cuda"
        describe(context, self._size)
        context.max_b_frames = 0
        context.gop_size = _ENDLESS
        context.options = self._options()
        return cast(av.VideoCodecContext, context)

    def _options(self) -> dict[str, str]:
        return {
            "gpu": str(self._device),
            "preset": self._settings.nvenc_preset,
            "tune": "ull",
            "profile": "baseline",
            "rc": "constqp",
            "qp": str(self._settings.nvenc_qp),
            "zerolatency": "1",
            "delay": "0",
            "forced-idr": "1",
        }


class _Staging:
    """One picture's place on the card, the same for every picture: NVENC registers memory by its address, and wants
    rows aligned. Copying, and NVENC, go by a stream of their own, so that neither waits for what is drawn meanwhile."""

    def __init__(self, frame_size: tuple[int, int], device: str, ordinal: int) -> None:
        import torch

        self._width, self._height = frame_size
        pitch = -(-self._width // _PITCH) * _PITCH
        self._rows = torch.full((self._height * 3 // 2, pitch), 16, dtype=torch.uint8, device=device)
        self._rows[self._height :] = 128
        self._stream: Any = None
        if self._rows.is_cuda:
            torch.cuda.synchronize(self._rows.device)
            self._stream = torch.cuda.Stream(self._rows.device)  # type: ignore[no-untyped-call]
        # The context is torch's own. PyAV takes a stream on the first card only.
        stream = self._stream.cuda_stream if self._stream is not None and not ordinal else None
        self._context = CudaContext(device_id=ordinal, primary_ctx=False, current_ctx=True, cuda_stream=stream)

    def blank(self) -> av.VideoFrame:
        """What lies there: black before the first picture."""
        return self._shown(None)

    def frame(self, picture: "torch.Tensor") -> av.VideoFrame:
        """The picture as a frame that NVENC reads where it lies. Good until the next one."""
        return self._shown(picture)

    def _shown(self, picture: "torch.Tensor | None") -> av.VideoFrame:
        import torch

        with torch.cuda.stream(self._stream):
            if picture is not None:
                self._rows[:, : self._width].copy_(picture)
            if self._stream is not None:
                self._stream.synchronize()
            planes = self._rows[: self._height, : self._width], self._rows[self._height :, : self._width]
            return av.VideoFrame.from_dlpack(planes, format="nv12", cuda_context=self._context)


def _unit_types(data: bytes) -> set[int]:
    """Types of the NAL units of an access unit with start codes."""
    stream = np.frombuffer(data, np.uint8)
    starts = np.flatnonzero((stream[:-3] == 0) & (stream[1:-2] == 0) & (stream[2:-1] == 1))
    return {int(stream[start + 3]) & 31 for start in starts}
