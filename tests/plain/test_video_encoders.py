"""Which encoder is chosen, and what the card's is asked for: with an encoder that stands in for NVENC."""

import functools
import logging
from typing import Any

import av
import numpy as np
import pytest
import torch

from deployments.contracts import EncodedFrame, Image
from deployments.errors import EngineFailed
from deployments.video import encoders, nvenc
from deployments.video.encoders import open_encoder
from deployments.video.encoding import GROUP_FRAMES, GroupEncoder, Pictures
from deployments.video.encoding_settings import EncodingSettings
from deployments.video.nvenc import NvencEncoder
from deployments.video.portrait.animator import PortraitAnimator
from deployments.video.settings import PortraitSettings

pytestmark = pytest.mark.plain
SIZE = (96, 64)


class StandInContext:
    """NVENC as libx264: the same calls, the same kinds of packets."""

    def __init__(self, faults: dict[str, Any]) -> None:
        self._faults = faults
        self._inner: av.VideoCodecContext | None = None
        self.options: dict[str, str] = {}
        self.sent = 0

    def encode(self, frame: av.VideoFrame) -> list[Any]:
        self.sent += 1
        if self.sent == self._faults.get("breaks_at"):
            raise av.FFmpegError(1, "device lost")
        if self._inner is None:
            self._inner = self._open()
        packets = self._inner.encode(frame)
        return [] if self._faults.get("late") else packets

    def _open(self) -> av.VideoCodecContext:
        inner = av.CodecContext.create("libx264", "w")
        assert isinstance(inner, av.VideoCodecContext)
        for name in ("width", "height", "framerate", "time_base", "colorspace", "color_range", "gop_size"):
            setattr(inner, name, getattr(self, name))
        inner.pix_fmt = "nv12"
        headers = "" if self._faults.get("no_headers") else ":repeat-headers=1"
        flags = "+global_header" if self._faults.get("no_headers") else "0"
        inner.options = {
            "tune": "zerolatency",
            "forced-idr": self.options["forced-idr"],
            "qp": self.options["qp"],
            "flags": flags,
            "x264-params": f"annexb=1:scenecut=0{headers}",
        }
        return inner


class StandIn:
    """Makes contexts, and keeps them and what was asked for."""

    def __init__(self, **faults: Any) -> None:
        self.faults = faults
        self.made: list[StandInContext] = []
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, *asked: Any) -> StandInContext:
        self.asked.append(asked)
        self.made.append(StandInContext(self.faults))
        return self.made[-1]


def pictures(count: int, seed: int = 0) -> list[Image]:
    """A soft gradient with some grain."""
    grain = np.random.default_rng(seed).normal(0, 2, (count, SIZE[1], SIZE[0], 3))
    across = np.linspace(40, 200, SIZE[0])[None, None, :, None] * np.array([0.6, 0.8, 1.0])
    return list(np.clip(across + grain, 0, 255).astype(np.uint8))


def planes(picture: Image) -> Image:
    """The picture as the encoders convert it: uint8 [3h/2, w] NV12."""
    height, width = picture.shape[:2]
    return np.asarray(Pictures((width, height)).frame(picture).to_ndarray(), np.uint8)


def units(data: bytes) -> list[int]:
    """NAL unit types of an Annex B access unit."""
    return [part[0] & 31 for part in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]]


def decoded(frames: list[EncodedFrame]) -> list[Image]:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = [shown for frame in frames for shown in decoder.decode(av.Packet(frame.data))]
    return [frame.to_ndarray(format="bgr24") for frame in shown + decoder.decode(None)]  # type: ignore[misc]


def test_colours_are_those_of_the_standard() -> None:
    """ITU-R BT.709-6: luma is .2126 R + .7152 G + .0722 B on 16 to 235, colour differences on 16 to 240 around 128."""
    height, width = 64, 48
    picture = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    blue, green, red = np.moveaxis(picture / 255.0, -1, 0)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    wanted = [
        128 + 224 * (difference.reshape(height // 2, 2, width // 2, 2).mean((1, 3)))
        for difference in ((blue - luma) / 1.8556, (red - luma) / 1.5748)
    ]
    found = planes(picture).astype(float)
    off = np.concatenate([
        (found[:height] - (16 + 219 * luma)).ravel(),
        (found[height:].reshape(height // 2, width // 2, 2) - np.stack(wanted, -1)).ravel(),
    ])  # fmt: skip
    assert np.abs(off).max() < 1 and abs(off.mean()) < 0.1


def test_planes_give_the_same_bytes_as_pictures() -> None:
    probe = pictures(5)
    encoder = GroupEncoder(SIZE, EncodingSettings())
    assert encoder.encode([planes(picture) for picture in probe], 5) == encoder.encode(probe, 5)


def test_planes_of_another_size_or_type_are_refused() -> None:
    encoder = GroupEncoder(SIZE, EncodingSettings())
    for wrong in (np.zeros((64, 96), np.uint8), np.zeros((96, 96), np.float32)):
        with pytest.raises(EngineFailed):
            encoder.encode([wrong], 0)  # type: ignore[list-item]


def test_nvenc_is_asked_for_closed_groups_without_delay() -> None:
    card = StandIn()
    encoder = NvencEncoder(SIZE, EncodingSettings(), device=1, create=card)
    frames = encoder.encode(pictures(5), 10)
    assert [frame.index for frame in frames] == [10, 11, 12, 13, 14]
    assert [frame.key for frame in frames] == [True, False, False, False, False]
    assert {7, 8, 5} <= set(units(frames[0].data)) and units(frames[4].data) == [1]
    context: Any = card.made[0]
    assert card.asked == [("h264_nvenc", "w")] and context.pix_fmt == "nv12" and context.options["gpu"] == "1"
    assert (context.max_b_frames, context.gop_size > 10**6) == (0, True)
    assert (context.colorspace, context.color_primaries, context.color_trc, context.color_range) == (1, 1, 1, 1)
    assert {"delay": "0", "forced-idr": "1", "zerolatency": "1", "rc": "constqp"}.items() <= context.options.items()


def test_every_nvenc_group_decodes_alone() -> None:
    encoder = NvencEncoder(SIZE, EncodingSettings(nvenc_qp=20), device=0, create=StandIn())
    encoder.encode(pictures(3, seed=1), 0)
    source = pictures(5, seed=2)
    shown = decoded(encoder.encode(source, 5))
    errors = [np.square(a.astype(float) - b).mean() for a, b in zip(shown, source, strict=True)]
    assert max(errors) < 255**2 / 10**3.2


def test_nvenc_knows_its_options() -> None:
    card = StandIn()
    NvencEncoder(SIZE, EncodingSettings(), device=0, create=card)
    context = av.CodecContext.create("h264_nvenc", "w")
    assert set(card.made[0].options) <= {option.name for option in context.supported_options.private}


def test_nvenc_settings_take_effect() -> None:
    def asked(**knobs: object) -> dict[str, str]:
        card = StandIn()
        NvencEncoder(SIZE, EncodingSettings.model_validate(knobs), device=0, create=card)
        return card.made[0].options

    assert asked(nvenc_qp=31)["qp"] == "31" != asked()["qp"]
    assert asked(nvenc_preset="p6")["preset"] == "p6" != asked()["preset"]


def test_after_a_failure_the_next_group_gets_a_fresh_context() -> None:
    card = StandIn(breaks_at=6)
    encoder = NvencEncoder(SIZE, EncodingSettings(), device=0, create=card)
    with pytest.raises(EngineFailed):
        encoder.encode(pictures(5), 0)
    card.faults.clear()
    assert len(encoder.encode(pictures(5), 5)) == 5 and len(card.made) == 2
    with pytest.raises(EngineFailed):
        encoder.encode(pictures(5), GROUP_FRAMES + 1)


@pytest.mark.parametrize("fault", ["late", "no_headers"])
def test_a_card_that_does_otherwise_is_refused_at_once(fault: str) -> None:
    with pytest.raises(EngineFailed, match="x264"):
        NvencEncoder(SIZE, EncodingSettings(), device=0, create=StandIn(**{fault: True}))


def test_pictures_on_the_device_are_encoded_where_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    """The card is the CPU here: its memory is handed over by DLPack all the same."""
    staging = nvenc._Staging
    monkeypatch.setattr(nvenc, "_Staging", lambda size, device, ordinal: staging(size, "cpu", ordinal))
    card = StandIn()
    encoder = NvencEncoder(SIZE, EncodingSettings(), device=0, device_frames=True, create=card)
    assert encoder.device_frames and card.made[0].pix_fmt == "cuda"  # type: ignore[attr-defined]
    probe = pictures(5)
    tensors = torch.from_numpy(np.stack([planes(picture) for picture in probe]))
    plain = NvencEncoder(SIZE, EncodingSettings(), device=0, create=StandIn())
    assert decoded(encoder.encode(list(tensors), 0))[4].tolist() == decoded(plain.encode(probe, 0))[4].tolist()


def test_without_a_card_auto_means_x264_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create = StandIn(breaks_at=1)
    monkeypatch.setattr(encoders, "NvencEncoder", functools.partial(NvencEncoder, create=create))
    encoders._say_once.cache_clear()
    with caplog.at_level(logging.WARNING, "ray.serve"):
        assert isinstance(open_encoder(SIZE, EncodingSettings()), GroupEncoder)
        assert not caplog.records, "nothing was made on a card"
        for _ in range(2):
            assert isinstance(open_encoder(SIZE, EncodingSettings(), device=0), GroupEncoder)
    said = [record.getMessage() for record in caplog.records if "libx264 on the CPU" in record.getMessage()]
    assert len(said) == 1 and "device lost" in said[0]
    with pytest.raises(EngineFailed, match="no NVENC"):
        open_encoder(SIZE, EncodingSettings(encoder="nvenc"))


def test_the_encoder_is_the_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "NvencEncoder", functools.partial(NvencEncoder, create=StandIn()))
    named = {name: open_encoder(SIZE, EncodingSettings(encoder=name), device=0) for name in ("x264", "nvenc", "auto")}
    assert [type(encoder) for encoder in named.values()] == [GroupEncoder, NvencEncoder, NvencEncoder]


def test_the_portrait_engine_takes_the_encoder_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "NvencEncoder", functools.partial(NvencEncoder, create=StandIn(late=True)))
    settings = PortraitSettings(encoding=EncodingSettings(encoder="nvenc"), warm_avatars=())
    with pytest.raises(EngineFailed, match="NVENC"):
        PortraitAnimator(settings, lambda avatar_id: b"")
