"""The formulas of the film measures on numbers made for them."""

import struct
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

from benchmarks.quality import Quality
from benchmarks.quality.eyes import blinks
from benchmarks.quality.faces import SKULL, aligned_to, poses
from benchmarks.quality.film import Film, Packets
from benchmarks.quality.lip_sync import envelope, lip_sync
from benchmarks.quality.loudness import integrated_lufs, loudness
from benchmarks.quality.numbers import spelled_out
from benchmarks.quality.report import ROWS, plain, table, value_at
from benchmarks.quality.sight import largest_change, similarity
from benchmarks.quality.timing import edit_list, timing
from benchmarks.quality.words import plain_words, understood
from benchmarks.text import edits
from deployments.contracts import Transcript
from serve_app.media.boxes import box, full_box, u32

pytestmark = pytest.mark.plain

RATE_HZ = 16_000


def film(sound: np.ndarray, pictures: int, late: float = 0.0) -> Film:
    """25 pictures a second, the sound in packets of 20 ms."""
    times, starts = np.arange(pictures) * 0.04, late + np.arange(len(sound) // 320) * 0.02
    video = Packets(times, np.full(pictures, 0.04), np.arange(pictures) % 5 == 0)
    audio = Packets(starts, np.full(len(starts), 0.02), np.ones(len(starts), bool))
    return Film(Path("/dev/null"), times, sound.astype(np.float32), RATE_HZ, video, audio)


def syllables(seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Sound with an irregular rhythm, and that rhythm: 0..1 at each sample."""
    count = int(seconds * RATE_HZ)
    random = np.random.default_rng(4)
    knots = random.uniform(0, 1, int(seconds * 5) + 2)
    strength = np.interp(np.arange(count) / RATE_HZ * 5, np.arange(len(knots)), knots)
    return np.sin(2 * np.pi * 1000 * np.arange(count) / RATE_HZ) * strength**2 * 0.3, strength


# --- lip sync ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late_ms", [-160, -40, 0, 80, 240])
def test_the_lag_of_an_opening_is_found_to_a_few_milliseconds(late_ms: int) -> None:
    sound, strength = syllables(12)
    middles = np.arange(300) * 0.04 + 0.02 - late_ms / 1000
    opening = 0.2 * strength[np.clip(middles * RATE_HZ, 0, len(strength) - 1).astype(int)]
    found = lip_sync(opening, film(sound, 300))
    assert found.correlation > 0.9 and found.lag_ms == pytest.approx(late_ms, abs=10)
    assert found.drift_ms == pytest.approx(0, abs=10) and found.chance is not None and found.chance < 0.6
    assert found.at_zero_lag <= found.correlation


def test_a_lag_that_grows_is_drift() -> None:
    sound, strength = syllables(12)
    middles = np.arange(300) * 0.04 * 0.99
    opening = 0.2 * strength[(middles * RATE_HZ).astype(int)]
    assert lip_sync(opening, film(sound, 300)).drift_ms == pytest.approx(60, abs=20)


def test_a_mouth_that_stands_still_or_only_trembles_scores_nothing() -> None:
    sound, strength = syllables(6)
    still = lip_sync(np.full(150, 0.1), film(sound, 150))
    assert still.correlation == pytest.approx(0) and still.at_zero_lag == pytest.approx(0)
    trembling = 0.0005 * strength[:: RATE_HZ // 25][:150]
    assert lip_sync(0.1 + trembling, film(sound, 150)).correlation < 0.2


def test_the_envelope_hears_its_band_alone() -> None:
    time = np.arange(RATE_HZ) / RATE_HZ
    inside, outside = (envelope(np.sin(2 * np.pi * hertz * time).astype(np.float32)) for hertz in (1000, 6000))
    assert len(inside) == 101 and inside[50] > 20 * outside[50]


# --- eyes, head, light -------------------------------------------------------------------------------------


def test_blinks_are_short_dips_and_nothing_else() -> None:
    aspect = np.full(250, 0.3)
    aspect[40:44], aspect[120:123], aspect[200:240] = 0.1, 0.15, 0.1
    found = blinks(aspect, np.arange(250) * 0.04, 0.04)
    assert len(found.times) == 2 and found.a_minute == pytest.approx(12)
    assert found.seconds == pytest.approx(0.14) and found.openness == pytest.approx(0.417, abs=0.01)
    assert blinks(np.full(50, 0.3), np.arange(50) * 0.04, 0.04).openness == 1


def turned(points: np.ndarray, pitch: float = 0, yaw: float = 0, roll: float = 0) -> np.ndarray:
    (a, b, c) = np.radians([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return points @ (about_z @ about_y @ about_x).T


@pytest.mark.parametrize(("axis", "place"), [("pitch", 0), ("yaw", 1), ("roll", 2)])
def test_a_head_s_turn_is_read_off_its_points(axis: str, place: int) -> None:
    head = np.random.default_rng(1).normal(0, 50, (478, 3))
    views = np.stack([turned(head, **{axis: degrees}) + 100 for degrees in (-8, -4, 0, 4, 8)]).astype(np.float32)
    found = np.abs(poses(views).turned)
    assert np.ptp(poses(views).turned[:, place]) == pytest.approx(16, abs=0.2)
    assert np.delete(found, place, axis=1).max() < 0.5


def test_shapes_are_compared_without_turn_place_and_size() -> None:
    shape = np.random.default_rng(2).normal(0, 1, (len(SKULL), 3))
    moved = 3 * turned(shape, 10, 20, 30) + 7
    _, scales, (taken,) = aligned_to(moved[None], shape)
    assert scales[0] == pytest.approx(1 / 3) and np.allclose(taken, shape - shape.mean(0), atol=1e-6)
    flat = np.array([[0, 0], [10, 0], [10, 5], [3, 4]], np.float32)
    matrix = similarity(flat, flat @ np.array([[0, 2], [-2, 0]], np.float32) + 5)
    assert np.allclose(matrix, [[0, -2, 5], [2, 0, 5]], atol=1e-5)


def test_the_largest_change_is_that_of_one_block() -> None:
    first = np.zeros((64, 64, 3), np.uint8)
    second = first.copy()
    second[16:32, 16:32, 1] = 80
    assert largest_change(first, second) == 80 and largest_change(first, first) == 0


# --- sound and words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [48_000, 16_000])
def test_loudness_is_that_of_the_standard(rate_hz: int) -> None:
    """ITU-R BS.1770: a full-scale sine of 997 Hz in one channel is -3.01 LUFS; 20 dB down, -23.01."""
    tone = np.sin(2 * np.pi * 997 * np.arange(5 * rate_hz) / rate_hz).astype(np.float32)
    assert integrated_lufs(tone, rate_hz) == pytest.approx(-3.01, abs=0.05)
    assert integrated_lufs(tone / 10, rate_hz) == pytest.approx(-23.01, abs=0.05)
    gated = np.concatenate([tone / 10, np.zeros(10 * rate_hz, np.float32), tone / 1000])
    assert integrated_lufs(gated, rate_hz) == pytest.approx(-23.01, abs=0.3)
    assert integrated_lufs(np.zeros(100, np.float32), rate_hz) == -np.inf


def test_peaks_between_samples_and_noise_floors_are_seen() -> None:
    time = np.arange(RATE_HZ)
    between = np.sin(2 * np.pi * time / 4 + np.pi / 4).astype(np.float32)
    assert np.abs(between).max() < 0.71 and loudness(between, RATE_HZ).true_peak_dbtp == pytest.approx(0, abs=0.2)
    noisy = np.where(time < 4000, 0.001, 0.1) * np.random.default_rng(0).normal(size=RATE_HZ)
    assert loudness(noisy.astype(np.float32), RATE_HZ).speech_over_noise_db == pytest.approx(40, abs=3)
    assert loudness(np.zeros(0, np.float32), RATE_HZ).integrated_lufs == -np.inf


def test_edits_are_counted() -> None:
    assert edits("kitten", "sitting") == 3 and edits("", "abc") == 3 and edits("abc", "") == 3
    assert edits(["a", "b"], ["a", "b"]) == 0


def heard(text: str, language: str) -> Transcript:
    return Transcript(text, language, (), 1.0)


def test_words_are_compared_as_they_sound() -> None:
    assert understood("Well, it's 20 now!", heard("well its twenty now", "en")).word_error_rate == 0
    assert understood("¡Hola, señor!", heard("hola señor", "es")).letter_error_rate == 0
    assert understood("女孩妈妈不去。", heard("女孩媽媽不去", "zh")).word_error_rate == 0
    assert understood("one two three four", heard("one too three", "en")).word_error_rate == 0.5
    assert plain_words("女孩 a", "zh") == ["女", "孩", "a"]
    assert understood("我有20本 iPhone 书。", heard("我有二十本iphone书", "zh")).letter_error_rate == 0
    assert understood("Son 20 euros.", heard("son veinte euros", "es")).word_error_rate == 0


# --- time and report ---------------------------------------------------------------------------------------


def test_offset_drift_and_gaps_of_packets() -> None:
    even = timing(film(np.zeros(4 * RATE_HZ), 100))
    assert even.drift_ms == even.start_offset_ms == even.gaps == 0 and even.seconds == pytest.approx(4)
    late = timing(film(np.zeros(4 * RATE_HZ), 100, late=0.12))
    assert late.start_offset_ms == late.end_offset_ms == 120 and late.drift_ms == 0
    longer = timing(film(np.zeros(5 * RATE_HZ), 100))
    assert longer.drift_ms == longer.end_offset_ms == 1000


def test_edit_lists_are_read_in_both_versions(tmp_path: Path) -> None:
    short = full_box(
        b"elst", 0, 0, u32(2), struct.pack(">IiI", 40, -1, 1 << 16), struct.pack(">IiI", 90, 1024, 1 << 16)
    )
    long = full_box(b"elst", 1, 0, u32(1), struct.pack(">QqI", 40, 2048, 1 << 16))
    path = tmp_path / "film.mp4"
    path.write_bytes(b"".join(box(b"moov", box(b"trak", box(b"edts", each))) for each in (short, long)))
    assert edit_list(path) == (-1, 1024, 2048)


def test_figures_become_plain_data() -> None:
    assert plain({1}) == {1}
    assert plain((1.23456, float("inf"), np.array([[1.0, np.nan]]), None)) == [1.2346, None, [[1.0, None]], None]
    assert plain(blinks(np.full(50, 0.3), np.arange(50) * 0.04, 0.04))["a_minute"] == 0


def test_every_row_of_the_table_names_a_measure() -> None:
    parts = get_type_hints(Quality)
    for _, path, _, _ in ROWS:
        name, _, field = path.partition(".")
        kinds = [each for each in getattr(parts[name], "__args__", (parts[name],)) if each is not type(None)]
        assert not field or field in kinds[0].__dataclass_fields__, path


def test_a_row_that_was_not_measured_has_no_value() -> None:
    nothing = dict.fromkeys(get_type_hints(Quality)) | {"face_seen": 0.5}
    quality = Quality(**nothing)
    assert value_at(quality, "lip_sync.lag_ms") is None and value_at(quality, "face_seen") == 0.5
    quality = Quality(**(nothing | {"notes": ("No face.",)}))
    assert table(quality).splitlines()[-1] == "No face." and "lips seen" in table(quality)


@pytest.mark.parametrize(
    ("number", "in_english", "in_spanish"),
    [
        ("7", "seven", "siete"),
        ("20", "twenty", "veinte"),
        ("31", "thirty one", "treinta y uno"),
        ("100", "one hundred", "cien"),
        ("521", "five hundred twenty one", "quinientos veintiuno"),
        ("1998", "one thousand nine hundred ninety eight", "mil novecientos noventa y ocho"),
        ("42000", "forty two thousand", "cuarenta y dos mil"),
        ("7000000", "7000000", "7000000"),
    ],
)
def test_numbers_in_words(number: str, in_english: str, in_spanish: str) -> None:
    assert spelled_out(number, "en") == in_english and spelled_out(number, "es") == in_spanish
    assert spelled_out(number, "zh") == number
