"""Which sound is heard for which frames of Ditto's motion."""

import numpy as np
import pytest

from deployments.contracts import Float32
from deployments.video.ditto.motion.audio import Hearing, frame_features, to_int16, window_at
from tests.ditto_weights import n, u

pytestmark = pytest.mark.plain


def _published_windows(sound: Float32, before: int, after: int, hop: int = 3200) -> list[Float32]:
    """Zeros before and after, then windows of 6480 every 3200 samples, the last filled up with zeros."""
    padded = np.concatenate([np.zeros(before, np.float32), sound, np.zeros(after, np.float32)])
    windows = []
    for start in range(0, before + len(sound), hop):
        window = padded[start : start + 6480]
        windows.append(np.pad(window, (0, 6480 - len(window))))
    return windows


@pytest.mark.parametrize(("hearing", "before"), [(Hearing.online(), 1920), (Hearing.offline(), 2000)])
@pytest.mark.parametrize("samples", [1, 1280, 1281, 3200, 16_000, 20_001])
def test_windows_lie_where_the_published_ones_lie(hearing: Hearing, before: int, samples: int) -> None:
    pcm = to_int16(u("sound", (samples,), -1, 1))
    published = _published_windows((pcm / np.float32(32767)).astype(np.float32), before, 6480)
    for run, expected in enumerate(published):
        assert np.array_equal(window_at(hearing.start_of(run), pcm, 0), expected)
    rows = 5 * len(published)
    # of a whole file the features beyond its last frame are dropped; online they are heard
    assert hearing.rows_in(samples) == (rows if before == 1920 else min(rows, -(-samples // 640)))


def test_a_window_is_the_same_from_a_tail_of_the_sound() -> None:
    pcm = to_int16(u("sound", (20_000,), -1, 1))
    assert np.array_equal(window_at(9000, pcm[8999:], 8999), window_at(9000, pcm, 0))
    assert not window_at(30_000, pcm, 0).any()


def test_runs_are_heard_as_soon_as_their_last_sample_is_there() -> None:
    for hearing in (Hearing.online(), Hearing.offline()):
        assert hearing.runs_in(0) == 0
        for run in range(4):
            assert hearing.runs_in(hearing.samples_for(run) - 1) == run
            assert hearing.runs_in(hearing.samples_for(run)) == run + 1
    assert Hearing.online().samples_for(0) == (5 + 2) * 640 + 80


def test_features_are_means_of_pairs_rounded_when_they_are_made() -> None:
    rows = n("rows", (20, 1024))
    features = frame_features(rows)
    expected = rows[-14:-4].reshape(5, 2, 1024).mean(1)
    assert features.dtype == np.float16
    assert np.array_equal(features, expected.astype(np.float16))
    assert np.abs(features.astype(np.float32) - expected).max() < 2e-3


def test_features_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[20, 1024\]"):
        frame_features(n("rows", (19, 1024)))


def test_sixteen_bits_hold_the_sound() -> None:
    sound = u("sound", (1000,), -1, 1)
    pcm = to_int16(np.concatenate([sound, np.array([1, -1], np.float32)]))
    assert pcm[-2:].tolist() == [32767, -32767]
    assert np.abs(pcm[:-2] / 32767 - sound).max() < 1.6e-5
