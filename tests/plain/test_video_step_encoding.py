"""The group encoder: what a group's bytes depend on, and what a browser is told about them."""

import av
import numpy as np
import pytest

from deployments.contracts import EncodedFrame, Image
from deployments.errors import EngineFailed
from deployments.video.encoding import GROUP_FRAMES, GroupEncoder
from deployments.video.settings import EncodingSettings

pytestmark = pytest.mark.plain
SIZE = (96, 64)


def pictures(count: int, seed: int = 0) -> list[Image]:
    """A soft gradient that drifts, with some grain."""
    noise = np.random.default_rng(seed)
    across = np.linspace(40, 200, SIZE[0])[None, :, None] + np.linspace(-20, 20, SIZE[1])[:, None, None]
    tint = np.array([0.6, 0.8, 1.0])
    grain = noise.normal(0, 2, (SIZE[1], SIZE[0], 3))
    return [np.clip((across + 3 * k) * tint + grain, 0, 255).astype(np.uint8) for k in range(count)]


def decode(frames: list[EncodedFrame]) -> list[av.VideoFrame]:
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = [shown for frame in frames for shown in decoder.decode(av.Packet(frame.data))]
    return shown + decoder.decode(None)


def units(data: bytes) -> list[int]:
    """NAL unit types of an Annex B access unit."""
    return [part[0] & 31 for part in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")[1:]]


def test_a_group_opens_with_an_idr_that_carries_its_parameter_sets() -> None:
    frames = GroupEncoder(SIZE, EncodingSettings()).encode(pictures(5), 15)
    assert [frame.index for frame in frames] == [15, 16, 17, 18, 19]
    assert [frame.key for frame in frames] == [True, False, False, False, False]
    assert units(frames[0].data) == [7, 8, 5], "SPS, PPS, IDR and no SEI"
    assert all(units(frame.data) == [1] for frame in frames[1:])


def test_each_group_decodes_alone_and_close_to_its_pictures() -> None:
    encoder = GroupEncoder(SIZE, EncodingSettings())
    encoder.encode(pictures(5, seed=3), 0)
    source = pictures(5, seed=4)
    shown = decode(encoder.encode(source, 5))
    errors = [
        np.square(a.to_ndarray(format="bgr24").astype(float) - b).mean() for a, b in zip(shown, source, strict=True)
    ]
    decibels = 10 * np.log10(255**2 / np.array(errors))
    assert decibels.min() > 34
    assert np.ptp(decibels) < 1.0, "key frames must not pulse"


def test_a_groups_bytes_do_not_depend_on_what_was_encoded_before() -> None:
    probe, noise = pictures(5, seed=1), np.random.default_rng(5)
    expected = {first: GroupEncoder(SIZE, EncodingSettings()).encode(probe, first) for first in (10, 15)}
    used = GroupEncoder(SIZE, EncodingSettings())
    for turn in range(60):
        length = 1 + turn % GROUP_FRAMES
        odd = [noise.integers(0, 256, (SIZE[1], SIZE[0], 3), dtype=np.uint8) for _ in range(length)]
        used.encode(odd if turn % 3 else [np.zeros_like(odd[0])], 5 * int(noise.integers(9)))
        first = int(noise.choice([10, 15]))
        assert used.encode(probe, first) == expected[first]


def test_neighbouring_groups_differ_in_idr_pic_id() -> None:
    """H.264 7.4.3 asks it of IDR pictures that follow each other, as after a last group of one frame."""
    encoder, probe = GroupEncoder(SIZE, EncodingSettings()), pictures(1)
    assert encoder.encode(probe, 0)[0].data != encoder.encode(probe, 5)[0].data


def test_the_stream_is_tagged_as_the_colours_were_converted() -> None:
    flat = np.full((SIZE[1], SIZE[0], 3), (30, 90, 200), np.uint8)
    (shown,) = decode(GroupEncoder(SIZE, EncodingSettings(crf=12)).encode([flat], 0))
    assert (shown.colorspace, shown.color_primaries, shown.color_trc, shown.color_range) == (1, 1, 1, 1), (
        "BT.709, limited"
    )
    middle = shown.to_ndarray(format="yuv420p")[SIZE[1] // 2, SIZE[0] // 2]  # its brightness
    assert middle == pytest.approx(16 + 219 / 255 * (0.2126 * 200 + 0.7152 * 90 + 0.0722 * 30), abs=0.8)


def test_settings_take_effect() -> None:
    def size(**knobs: object) -> int:
        encoder = GroupEncoder(SIZE, EncodingSettings.model_validate(knobs))
        return sum(len(frame.data) for frame in encoder.encode(pictures(5), 0))

    assert size(crf=30) < size(crf=18)
    assert size(preset="ultrafast") != size(preset="superfast")


def test_wrong_pictures_are_refused_and_the_encoder_lives_on() -> None:
    encoder, probe = GroupEncoder(SIZE, EncodingSettings()), pictures(5)
    expected = encoder.encode(probe, 0)
    for bad, first in (([probe[0][:-2]], 0), (probe, 3), (probe + probe, 0)):
        with pytest.raises(EngineFailed):
            encoder.encode(bad, first)
    assert encoder.encode(probe, 0) == expected
