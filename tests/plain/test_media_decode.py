"""Uploads, good and bad: what can be understood comes out right, the rest is refused with its reason."""

import io
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import soundfile
from pydantic import ValidationError

from deployments.errors import BadInput, TooLarge, Unsupported
from serve_app.media import decode as decode_module
from serve_app.media.decode import decode_audio, decode_image
from serve_app.media.settings import MediaLimits
from serve_app.media.upload import read_limited

LIMITS = MediaLimits()


def tone(seconds: float = 1.0, rate_hz: int = 48_000, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def wav(samples: np.ndarray, rate_hz: int = 48_000, subtype: str = "PCM_16") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate_hz, format="WAV", subtype=subtype)
    return out.getvalue()


def compressed(container: str, codec: str, rate_hz: int = 48_000, seconds: float = 1.0, hertz: float = 440.0) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format=container) as target:
        stream = target.add_stream(codec, rate=rate_hz)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(tone(seconds, rate_hz, hertz)[None], format="fltp", layout="mono")
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(stream.format, "mono", rate_hz, frame_size=stream.frame_size or 1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            target.mux(stream.encode(piece))
        target.mux(stream.encode(None))
    return out.getvalue()


def pitch(samples: np.ndarray) -> float:
    middle = samples[4000:12000]
    return float(np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle)))))) * 16_000 / len(middle)


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp3", "libmp3lame"),
        ("ipod", "aac"),
        ("mp4", "aac"),
        ("adts", "aac"),
        ("ogg", "libopus"),
        ("webm", "libopus"),
        ("flac", "flac"),
        ("wav", "pcm_s24le"),
        ("aiff", "pcm_s16be"),
    ],
)
def test_common_formats_are_heard(container: str, codec: str) -> None:
    pcm = decode_audio(compressed(container, codec), LIMITS)
    assert pcm.rate_hz == 16_000
    assert pcm.samples.dtype == np.float32
    assert pcm.seconds == pytest.approx(1.0, abs=0.06)
    assert pitch(pcm.samples) == pytest.approx(440, abs=3)
    assert np.sqrt(np.square(pcm.samples[4000:12000]).mean()) == pytest.approx(0.5 / np.sqrt(2), abs=0.02)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 96_000])
def test_any_rate_becomes_16_khz(rate_hz: int) -> None:
    pcm = decode_audio(wav(tone(rate_hz=rate_hz), rate_hz), LIMITS)
    assert len(pcm.samples) == pytest.approx(16_000, abs=32)
    assert pitch(pcm.samples) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_channels_are_mixed_down(channels: int) -> None:
    pcm = decode_audio(wav(np.repeat(tone()[:, None], channels, axis=1)), LIMITS)
    assert pitch(pcm.samples) == pytest.approx(440, abs=3)
    assert np.abs(pcm.samples).max() == pytest.approx(0.5, abs=0.02)


def test_other_rate_on_request() -> None:
    assert decode_audio(wav(tone()), LIMITS, rate_hz=24_000).rate_hz == 24_000


def test_silence_is_allowed_and_loud_sound_clipped() -> None:
    assert not decode_audio(wav(np.zeros(16_000, np.float32), 16_000), LIMITS).samples.any()
    assert np.abs(decode_audio(wav(8 * tone(), subtype="FLOAT"), LIMITS).samples).max() == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(bad: float) -> None:
    samples = tone()
    samples[1000] = bad
    with pytest.raises(BadInput, match="finite"):
        decode_audio(wav(samples, subtype="FLOAT"), LIMITS)


@pytest.mark.parametrize(
    "data",
    [b"RI", b"Just some text.\n" * 50, b"RIFF\x24\x00\x00\x00WAVE", bytes(5000), b"\x89PNG\r\n\x1a\n" + bytes(100)],
)
def test_what_is_no_sound_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="Send WAV"):
        decode_audio(data, LIMITS)


def test_empty_and_zero_length_are_refused() -> None:
    with pytest.raises(BadInput, match="empty"):
        decode_audio(b"", LIMITS)
    with pytest.raises(BadInput, match="sound"):
        decode_audio(wav(np.zeros(0, np.float32)), LIMITS)


@pytest.mark.parametrize(
    "data",
    [wav(tone()), compressed("ipod", "aac"), compressed("flac", "flac"), compressed("mp3", "libmp3lame", seconds=4.0)],
    ids=["wav", "m4a", "flac", "mp3"],
)
def test_truncated_sound_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        decode_audio(data[: len(data) // 2], LIMITS)


def test_wav_of_unknown_length_is_read_to_its_end() -> None:
    data = bytearray(wav(tone()))
    at = data.index(b"data")
    for unknown in (0xFFFF_FFFF, 0x7FFF_FFFF * 2 + 1):
        data[at + 4 : at + 8] = struct.pack("<I", unknown)
        assert decode_audio(bytes(data), LIMITS).seconds == pytest.approx(1.0, abs=0.01)


def test_decoding_stops_at_the_limit() -> None:
    long = compressed("flac", "flac", rate_hz=8_000, seconds=600, hertz=0)
    frames = 0
    original = decode_module._samples

    def counted(pieces: list[av.AudioFrame]) -> list[np.ndarray]:
        nonlocal frames
        frames += sum(piece.samples for piece in pieces)
        return list(original(pieces))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode_module, "_samples", counted)
        with pytest.raises(TooLarge, match="longer than 60 seconds"):
            decode_audio(long, LIMITS)
    assert frames < 62 * 16_000


def test_limits_take_effect() -> None:
    data = wav(tone(2.0))
    with pytest.raises(TooLarge, match="longer than 1 "):
        decode_audio(data, MediaLimits(max_audio_seconds=1.0))
    with pytest.raises(TooLarge, match=r"longer than 0\.5 "):
        decode_audio(data, LIMITS, max_seconds=0.5)
    with pytest.raises(TooLarge, match="MB"):
        decode_audio(data, MediaLimits(max_audio_bytes=1000))
    cut = data[: int(len(data) * 0.6)]
    assert decode_audio(cut, MediaLimits(min_audio_decoded=0.5)).seconds == pytest.approx(1.2, abs=0.01)


def test_playlists_open_nothing(tmp_path: Path) -> None:
    target = tmp_path / "secret.wav"
    target.write_bytes(wav(tone()))
    for playlist in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile {target}\n",
        f"v=0\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\na={target}\n",
    ):
        with pytest.raises(BadInput):
            decode_audio(playlist.encode(), LIMITS)


def test_absurd_rates_are_refused() -> None:
    with pytest.raises(BadInput, match="rate"):
        decode_audio(wav(tone(rate_hz=100, seconds=5), 100), LIMITS)


def test_a_video_without_sound_is_refused() -> None:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as target:
        stream = target.add_stream("libx264", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        target.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        target.mux(stream.encode(None))
    with pytest.raises(BadInput, match="no sound track"):
        decode_audio(out.getvalue(), LIMITS)


async def test_bodies_are_limited_while_they_arrive() -> None:
    seen = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal seen
        for _ in range(100):
            seen += 1
            yield bytes(1000)

    with pytest.raises(TooLarge):
        await read_limited(chunks(), 5_000)
    assert seen == 6
    seen = 0
    with pytest.raises(TooLarge):
        await read_limited(chunks(), 5_000, declared_bytes=100_000)
    assert seen == 0
    assert len(await read_limited(chunks(), 100_000)) == 100_000


def test_settings_are_strict_and_frozen() -> None:
    with pytest.raises(ValidationError):
        MediaLimits.model_validate({"max_audio_second": 3})
    with pytest.raises(ValidationError):
        LIMITS.max_audio_seconds = 3  # type: ignore[misc]


def test_random_damage_to_sound_never_escapes_as_another_error() -> None:
    generator = np.random.default_rng(5)
    kinds = [("mp3", "libmp3lame"), ("ipod", "aac"), ("webm", "libopus"), ("ogg", "libopus"), ("wav", "pcm_s24le")]
    for container, codec in kinds:
        whole = compressed(container, codec)
        for attempt in range(40):
            data = bytearray(whole)
            for at in generator.integers(0, len(data) if attempt % 2 else 400, 6):
                data[at] = generator.integers(0, 256)
            try:
                decode_audio(bytes(data), LIMITS)
            except (BadInput, TooLarge):
                continue


# --- photos ------------------------------------------------------------------------------------------------


def picture(height: int = 60, width: int = 90) -> np.ndarray:
    """Each quarter in its own colour (BGR): a turn or a mirror shows."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (250, 0, 0)
    image[: height // 2, width // 2 :] = (0, 250, 0)
    image[height // 2 :, : width // 2] = (0, 0, 250)
    image[height // 2 :, width // 2 :] = (250, 250, 250)
    return image


def encoded(image: np.ndarray, kind: str, *options: int) -> bytes:
    done, data = cv2.imencode(f".{kind}", image, list(options))
    assert done
    return bytes(data)


def assert_same(found: np.ndarray, wanted: np.ndarray, tolerance: int = 12) -> None:
    assert found.shape == wanted.shape
    assert found.dtype == np.uint8
    quarters = [(found.shape[0] * y // 4, found.shape[1] * x // 4) for y in (1, 3) for x in (1, 3)]
    for at in quarters:
        assert np.abs(found[at].astype(int) - wanted[at].astype(int)).max() <= tolerance


@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_photos_are_read(kind: str) -> None:
    assert_same(decode_image(encoded(picture(), kind), LIMITS), picture())


def exif(orientation: int, order: str) -> bytes:
    mark = b"II*\x00" if order == "<" else b"MM\x00*"
    return mark + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def stored(upright: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera that writes this orientation would store the picture (the inverse of Exif 2.32 §4.6.5)."""
    turned = {
        1: lambda p: p,
        2: cv2_flip(1),
        3: lambda p: np.rot90(p, 2),
        4: cv2_flip(0),
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: np.rot90(p, 2).transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }[orientation]
    return np.ascontiguousarray(turned(upright))


def cv2_flip(axis: int):  # type: ignore[no-untyped-def]
    return lambda p: cv2.flip(p, axis)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
def test_turned_photos_come_upright(orientation: int, order: str) -> None:
    block = exif(orientation, order)
    pixels = stored(picture(), orientation)
    plain = encoded(pixels, "jpg")
    segment = b"\xff\xe1" + struct.pack(">H", 8 + len(block)) + b"Exif\x00\x00" + block
    assert_same(decode_image(plain[:2] + segment + plain[2:], LIMITS), picture())
    png = encoded(pixels, "png")
    chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
    assert_same(decode_image(png[:33] + chunk + png[33:], LIMITS), picture())


def test_kinds_of_pixels() -> None:
    grey = picture()[..., 0]
    assert_same(decode_image(encoded(grey, "png"), LIMITS), np.repeat(grey[..., None], 3, axis=2))
    assert_same(decode_image(encoded(grey, "jpg"), LIMITS), np.repeat(grey[..., None], 3, axis=2))
    assert_same(decode_image(encoded(picture().astype(np.uint16) * 257, "png"), LIMITS), picture())


def test_transparent_parts_lie_on_white() -> None:
    image = np.dstack([picture(), np.full((60, 90), 255, np.uint8)])
    image[:30, :45, 3] = 0
    image[30:, :45, 3] = 128
    for kind, options in (("png", ()), ("webp", (cv2.IMWRITE_WEBP_QUALITY, 101))):
        found = decode_image(encoded(image, kind, *options), LIMITS)
        assert tuple(found[10, 10]) == (255, 255, 255)
        assert found[50, 10].astype(int) == pytest.approx([127, 127, 252], abs=2)
        assert found[10, 80].astype(int) == pytest.approx([0, 250, 0], abs=2)


def test_large_photos_are_shrunk_to_the_kept_size() -> None:
    found = decode_image(encoded(picture(1200, 1800), "jpg"), MediaLimits(kept_image_side_pixels=300))
    assert found.shape == (200, 300, 3)


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, with hardly any data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100_000))) + chunk(b"IEND", b"")


def test_bombs_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(TooLarge, match="20000×20000"):
        decode_image(bomb(20_000, 20_000), LIMITS)
    with pytest.raises(TooLarge, match="pixels"):
        decode_image(encoded(picture(), "jpg"), MediaLimits(max_image_pixels=5_000))
    with pytest.raises(TooLarge, match="MB"):
        decode_image(encoded(picture(), "png"), MediaLimits(max_image_bytes=100))
    with pytest.raises(BadInput, match="larger"):
        decode_image(encoded(picture(), "png"), MediaLimits(min_image_side_pixels=61))


@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_photos_are_refused(kind: str, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 90, 3), np.uint8)
    data = encoded(noise, kind)
    with pytest.raises(BadInput):
        decode_image(data[: int(len(data) * share)], LIMITS)


def test_damaged_and_other_files_are_refused() -> None:
    with pytest.raises(BadInput, match="empty"):
        decode_image(b"", LIMITS)
    for data in (b"some text", b"GIF89a" + bytes(50), b"BM" + bytes(100), wav(tone(0.1))):
        with pytest.raises(Unsupported, match="JPEG, PNG or WebP"):
            decode_image(data, LIMITS)
    with pytest.raises(BadInput):
        decode_image(b"\x89PNG\r\n\x1a\n" + bytes(40), LIMITS)
    with pytest.raises(BadInput):
        decode_image(b"\xff\xd8\xff\xe0", LIMITS)
    damaged = bytearray(encoded(picture(), "png"))
    damaged[60:90] = bytes(30)
    with pytest.raises(BadInput, match="damaged"):
        decode_image(bytes(damaged), LIMITS)


def test_random_damage_never_escapes_as_another_error() -> None:
    generator = np.random.default_rng(1)
    for kind in ("jpg", "png", "webp"):
        for _ in range(150):
            data = bytearray(encoded(picture(), kind))
            for at in generator.integers(0, min(len(data), 300), 4):
                data[at] = generator.integers(0, 256)
            try:
                decode_image(bytes(data), MediaLimits(max_image_pixels=1_000_000))
            except (BadInput, Unsupported, TooLarge):
                continue


def test_first_picture_of_an_animation() -> None:
    frames = [picture(), 255 - picture()]
    animation = cv2.Animation()
    animation.frames = frames
    animation.durations = np.array([100, 100], np.int32)
    for kind in ("webp", "png"):
        done, data = cv2.imencodeanimation(f".{kind}", animation)
        assert done
        assert_same(decode_image(bytes(data), LIMITS), picture(), tolerance=20)


def test_the_shipped_portraits_are_read() -> None:
    folder = Path(__file__).parents[2] / "deployments/video/portraits"
    assert decode_image((folder / "grace_hopper.jpg").read_bytes(), LIMITS).shape == (600, 512, 3)
    assert decode_image((folder / "astronaut.png").read_bytes(), LIMITS).shape == (512, 512, 3)
