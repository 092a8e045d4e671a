"""Any upload → what the stages take: speech as 16 kHz mono, a photo as an upright BGR image.

Everything happens in memory. These functions block for up to some hundred milliseconds: call them in a thread.
"""

import io
import struct

import av
import av.error
import cv2
import numpy as np
from av.audio.stream import AudioStream

from deployments.contracts import HEARING_RATE_HZ, Float32, Image, Pcm
from deployments.errors import BadInput, TooLarge
from serve_app.media.image_header import read_header
from serve_app.media.settings import MediaLimits
from serve_app.media.upload import check_bytes

# Only containers of sound: libavformat also reads playlists, which name other files and addresses to be opened.
_CONTAINERS = "wav,mp3,mov,mp4,m4a,ogg,matroska,webm,flac,aac,aiff,caf"
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "none"}
_PRIMING_SECONDS = 0.1
"""Containers may count what an encoder put before the sound and a decoder leaves out again."""
_LOWEST_RATE_HZ, _HIGHEST_RATE_HZ = 4_000, 384_000
_KNOWN_FORMATS = "WAV, MP3, M4A, Ogg/Opus, WebM or FLAC"


def decode_audio(
    data: bytes, limits: MediaLimits, rate_hz: int = HEARING_RATE_HZ, max_seconds: float | None = None
) -> Pcm:
    """Sound of any common format, down-mixed to one channel at `rate_hz`, clipped to [-1, 1].

    `max_seconds` overrides the limit of the settings; decoding stops as soon as it is passed. Silence is fine.
    Raises TooLarge over the limits; BadInput for what is empty, truncated, not sound, or holds NaN or infinity.
    """
    check_bytes(data, limits.max_audio_bytes)
    if not data:
        raise BadInput("The upload is empty. Send a sound file.")
    limit = limits.max_audio_seconds if max_seconds is None else max_seconds
    try:
        pieces, declared = _decode_pieces(data, rate_hz, limit)
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        raise BadInput(f"The upload cannot be read as sound. Send {_KNOWN_FORMATS}.") from error
    samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
    if len(samples) == 0:
        raise BadInput("The upload holds no sound: it is zero seconds long. Record it again.")
    if not np.isfinite(samples).all():
        raise BadInput("The sound holds samples that are not finite numbers (NaN or infinity). Export it again.")
    seconds = len(samples) / rate_hz
    if seconds + _PRIMING_SECONDS < limits.min_audio_decoded * declared:
        raise BadInput(f"The sound is cut off: it declares {declared:.1f} s, holds {seconds:.1f} s. Send it again.")
    return Pcm(np.clip(samples, -1, 1).astype(np.float32, copy=False), rate_hz)


def _decode_pieces(data: bytes, rate_hz: int, max_seconds: float) -> tuple[list[Float32], float]:
    """The decoded pieces, and the seconds that the file says it holds (0 where it does not say)."""
    with av.open(io.BytesIO(data), "r", options=_OPTIONS) as container:
        if not container.streams.audio:
            raise BadInput(f"The upload holds no sound track. Send {_KNOWN_FORMATS}.")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise BadInput(f"The upload's sound is compressed in a way not known here. Send {_KNOWN_FORMATS}.")
        stream.codec_context.thread_count = 1
        resampler = av.AudioResampler(format="flt", rate=rate_hz)
        pieces: list[Float32] = []
        total = 0
        for frame in container.decode(stream):
            if not _LOWEST_RATE_HZ <= frame.sample_rate <= _HIGHEST_RATE_HZ:
                raise BadInput(f"The sound's rate of {frame.sample_rate} Hz is unusual. Export it at 16 or 48 kHz.")
            pieces += _samples(resampler.resample(frame))
            total = sum(map(len, pieces))
            if total > max_seconds * rate_hz:
                raise TooLarge(f"The sound is longer than {max_seconds:g} seconds. Send a shorter one.")
        if total:
            pieces += _samples(resampler.resample(None))
        return pieces, _declared_seconds(data, stream)


def _samples(frames: list[av.AudioFrame]) -> list[Float32]:
    """Mono pieces: the mean of the interleaved channels. (libswresample's own mix of floats gains 3 dB for stereo.)"""
    return [
        np.asarray(frame.to_ndarray(), np.float32).reshape(-1, frame.layout.nb_channels).mean(axis=1)
        for frame in frames
    ]


def _declared_seconds(data: bytes, stream: AudioStream) -> float:
    """What the file says of its own length. WAV is read here, because libavformat corrects it to what is there."""
    if data[:4] != b"RIFF":
        return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0
    position = 12
    bytes_per_second = 0
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind == b"fmt " and position + 20 <= len(data):
            (bytes_per_second,) = struct.unpack_from("<I", data, position + 16)
        if kind == b"data":
            # Writers that stream put 0 or about 4 GiB here: they did not know.
            known = 0 < length < 0xFFFF_0000 and bytes_per_second > 0
            return length / bytes_per_second if known else 0.0
        position += 8 + length + (length & 1)
    return 0.0


def decode_image(data: bytes, limits: MediaLimits) -> Image:
    """A JPEG, PNG or WebP photo: turned upright by its Exif tag, transparent parts on white, shrunk to the kept size.

    Of an animation, the first picture. Raises TooLarge for bytes or pixels (by the header, before decoding),
    Unsupported for another format, BadInput for what is empty, truncated, damaged or tiny.
    """
    check_bytes(data, limits.max_image_bytes)
    if not data:
        raise BadInput("The upload is empty. Send a photo.")
    header = read_header(data)
    if header.width * header.height > limits.max_image_pixels:
        raise TooLarge(
            f"The photo has {header.width}×{header.height} pixels; at most {limits.max_image_pixels / 1e6:g} million "
            "are taken. Send a smaller one."
        )
    if min(header.width, header.height) < limits.min_image_side_pixels:
        raise BadInput(f"The photo is only {header.width}×{header.height} pixels. Send a larger one.")
    if not header.complete:
        raise BadInput("The photo's file is cut off. Send it again.")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise BadInput("The photo's file is damaged. Save it again as JPEG or PNG.") from error
    if pixels is None:
        raise BadInput("The photo's file is damaged. Save it again as JPEG or PNG.")
    image = _upright(_to_bgr(np.asarray(pixels)), header.orientation)
    longest = max(image.shape[:2])
    if longest > limits.kept_image_side_pixels:
        scale = limits.kept_image_side_pixels / longest
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.ascontiguousarray(image)


def _to_bgr(pixels: np.ndarray) -> Image:
    """Any channels and depth → uint8 [height, width, 3], what is transparent composited on white."""
    if pixels.dtype == np.uint16:
        pixels = (pixels // 257).astype(np.uint8)
    if pixels.dtype != np.uint8:
        raise BadInput("The photo's pixels are of an unusual kind. Save it as an ordinary JPEG or PNG.")
    if pixels.ndim == 2:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3:].astype(np.float32) / 255
        return np.round(pixels[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    return pixels


def _upright(image: Image, orientation: int) -> Image:
    """Undoes an Exif orientation: 2 to 4 mirror or turn by 180°, 5 to 8 also swap the axes."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image
