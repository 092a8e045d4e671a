"""The shipped mouth network: what it promises of its window, and that it is the trained one."""

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from deployments.contracts import SAMPLES_PER_FRAME, Float32
from deployments.errors import BadInput, EngineFailed
from deployments.video.portrait.mouth import GROUP_FRAMES, MODEL, MouthNet
from deployments.video.portrait.pose import MOUTH_CHANNELS

SPEECH = Path(__file__).parent.parent / "data" / "mouth"
OPEN, PUCKER, PRESS = (MOUTH_CHANNELS.index(name) for name in ("open", "pucker", "press"))
GROUP = GROUP_FRAMES * SAMPLES_PER_FRAME


@pytest.fixture(scope="module")
def net() -> MouthNet:
    return MouthNet()


def speech(name: str) -> Float32:
    samples, rate_hz = soundfile.read(SPEECH / f"{name}.wav", dtype="float32")
    assert rate_hz == 16_000
    return np.asarray(samples[: len(samples) // GROUP * GROUP], np.float32)


def whole(net: MouthNet, samples: Float32) -> Float32:
    """Channels of all frames, from one window."""
    return net.channels(np.pad(samples, (net.HISTORY_SAMPLES, net.LOOKAHEAD_SAMPLES)))


def at(seconds: float) -> int:
    return round(seconds * 25 - 0.5)


def test_a_group_is_the_same_to_the_last_bit_in_any_window(net: MouthNet) -> None:
    padded = np.pad(speech("en"), (net.HISTORY_SAMPLES, net.LOOKAHEAD_SAMPLES))
    groups = (len(padded) - net.HISTORY_SAMPLES - net.LOOKAHEAD_SAMPLES) // GROUP
    around = net.HISTORY_SAMPLES + net.LOOKAHEAD_SAMPLES
    together = net.channels(padded)
    for pieces in ([1] * groups, [groups - 1, 1], [1, groups - 1], [3, 1, groups - 4]):
        edges = np.cumsum([0, *pieces])
        windows = [padded[a * GROUP : b * GROUP + around] for a, b in itertools.pairwise(edges)]
        np.testing.assert_array_equal(np.concatenate([net.channels(window) for window in windows]), together)


def test_a_window_is_all_that_counts(net: MouthNet) -> None:
    window = np.pad(speech("en")[:GROUP], (net.HISTORY_SAMPLES, net.LOOKAHEAD_SAMPLES))
    first = net.channels(window)
    net.channels(np.pad(speech("en")[:GROUP][::-1], (net.HISTORY_SAMPLES, net.LOOKAHEAD_SAMPLES)))
    np.testing.assert_array_equal(net.channels(window), first)


@pytest.mark.parametrize("frames", [1, 4, 5, 6, 11])
def test_any_number_of_frames(net: MouthNet, frames: int) -> None:
    window = np.zeros(net.HISTORY_SAMPLES + frames * SAMPLES_PER_FRAME + net.LOOKAHEAD_SAMPLES, np.float32)
    shapes = net.channels(window)
    assert shapes.shape == (frames, len(MOUTH_CHANNELS))
    assert shapes.dtype == np.float32


def test_look_ahead_is_short(net: MouthNet) -> None:
    assert net.LOOKAHEAD_SAMPLES <= 1920


def test_silence_is_a_closed_resting_mouth(net: MouthNet) -> None:
    assert not whole(net, np.zeros(GROUP * 3, np.float32)).any()


def test_silence_after_speech_comes_to_rest_and_stays(net: MouthNet) -> None:
    after = whole(net, np.concatenate([speech("en"), np.zeros(GROUP * 6, np.float32)]))[-GROUP_FRAMES * 4 :]
    assert not after.any()


def test_a_quiet_room_does_not_move_the_lips(net: MouthNet) -> None:
    noise = np.random.default_rng(1).normal(size=GROUP * 8).astype(np.float32) * np.float32(10 ** (-66 / 20))
    opening = whole(net, noise)[:, OPEN]
    assert opening.max() < 0.05  # as the noise sets in and ends
    assert opening[GROUP_FRAMES:-GROUP_FRAMES].max() < 0.02


@pytest.mark.parametrize("name", ["en", "es", "zh"])
def test_level_hardly_matters(net: MouthNet, name: str) -> None:
    samples = speech(name)
    samples = samples / np.abs(samples).max()
    loud = whole(net, samples)
    for decibels in (-6, -12, -20, -30):
        quiet = whole(net, samples * np.float32(10 ** (decibels / 20)))
        assert np.abs(quiet - loud)[:, OPEN].mean() < 0.02
        assert np.corrcoef(quiet[:, OPEN], loud[:, OPEN])[0, 1] > 0.93
        assert np.corrcoef(quiet[:, PRESS], loud[:, PRESS])[0, 1] > 0.85


@pytest.mark.parametrize("name", ["en", "es", "zh"])
def test_lips_close_where_they_must_and_open_on_vowels(net: MouthNet, name: str) -> None:
    said = json.loads((SPEECH / "said.json").read_text())[name]
    shapes = whole(net, speech(name))
    for seconds in said["closed"]:
        near = shapes[at(seconds) - 1 : at(seconds) + 2]
        assert near[:, PRESS].max() > 0.5, f"not pressed at {seconds} s"
        assert near[:, OPEN].min() < 0.02, f"not shut at {seconds} s"
    for seconds in said["open"]:
        assert shapes[at(seconds), OPEN] > 0.1, f"not open at {seconds} s"
        assert shapes[at(seconds), PRESS] < 0.5, f"pressed at {seconds} s"
    for seconds in said["rounded"]:
        assert shapes[at(seconds), PUCKER] > 0.35, f"not rounded at {seconds} s"
    for seconds in said["unrounded"]:
        assert shapes[at(seconds), PUCKER] < 0.3, f"rounded at {seconds} s"


def test_channels_keep_their_ranges(net: MouthNet) -> None:
    shapes = whole(net, np.clip(8 * speech("es"), -1, 1))
    assert shapes[:, OPEN].min() >= 0
    assert shapes[:, OPEN].max() < 0.6
    others = [place for place, name in enumerate(MOUTH_CHANNELS) if name not in ("open", "wide")]
    assert shapes[:, others].min() >= 0
    assert shapes[:, others].max() <= 1


@pytest.mark.parametrize(
    "window",
    [
        np.zeros(100, np.float32),
        np.zeros(MouthNet.HISTORY_SAMPLES + MouthNet.LOOKAHEAD_SAMPLES, np.float32),
        np.zeros(MouthNet.HISTORY_SAMPLES + MouthNet.LOOKAHEAD_SAMPLES + 641, np.float32),
        np.zeros(MouthNet.HISTORY_SAMPLES + MouthNet.LOOKAHEAD_SAMPLES + 640, np.float64),
        np.zeros((2, MouthNet.HISTORY_SAMPLES + MouthNet.LOOKAHEAD_SAMPLES + 640), np.float32),
        np.full(MouthNet.HISTORY_SAMPLES + MouthNet.LOOKAHEAD_SAMPLES + 640, np.nan, np.float32),
    ],
)
def test_a_wrong_window_is_bad_input(net: MouthNet, window: Float32) -> None:
    with pytest.raises(BadInput):
        net.channels(window)


def test_a_file_that_is_no_network_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mouth.onnx"
    path.write_bytes(b"no network")
    with pytest.raises(EngineFailed, match="mouth"):
        MouthNet(model=path)


def test_the_model_card_describes_this_file() -> None:
    card = json.loads(MODEL.with_suffix(".json").read_text())
    assert card["sha256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert MODEL.stat().st_size == card["bytes"] < 1_000_000
    assert card["lookahead_samples"] == MouthNet.LOOKAHEAD_SAMPLES
    assert card["history_samples"] == MouthNet.HISTORY_SAMPLES
    assert card["seed"] == 0
    assert card["data"]["held_out_voices"]
    assert card["scores"]
