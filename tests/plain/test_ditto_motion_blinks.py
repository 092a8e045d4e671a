"""Chance in Ditto's motion: noise and blinks as functions of (seed, purpose, number)."""

from itertools import pairwise

import numpy as np
import pytest

from deployments.video.ditto.motion.blinks import Blinks
from deployments.video.ditto.motion.noise import Purpose, generator, window_noise

pytestmark = pytest.mark.plain
LENGTH = 15


def _rows(blinks: Blinks, seed: int, frames: int) -> list[int]:
    number, start, rows = -1, -1, []
    for frame in range(frames):
        number, start = blinks.advance(seed, frame, LENGTH, number, start)
        rows.append(blinks.row(frame, LENGTH, start))
    return rows


def _gaps(rows: list[int]) -> list[int]:
    starts = [frame - 1 for frame, row in enumerate(rows) if row == 1]
    return [starts[0], *(later - earlier - LENGTH for earlier, later in pairwise(starts))]


def test_blinks_come_after_sixty_to_a_hundred_frames() -> None:
    rows = _rows(Blinks(), 7, 50_000)
    gaps = _gaps(rows)
    assert min(gaps) >= 60 and max(gaps) <= 100
    assert np.mean(gaps) == pytest.approx(80, abs=2) and len(set(gaps)) > 35
    first = gaps[0]
    assert rows[first : first + LENGTH] == list(range(LENGTH)) and not any(rows[:first])


def test_a_blink_is_found_from_anywhere() -> None:
    blinks = Blinks()
    known = _rows(blinks, 3, 2000)
    for frame in (0, 1, 700, 1999):
        _, start = blinks.advance(3, frame, LENGTH, -1, -1)
        assert blinks.row(frame, LENGTH, start) == known[frame]


def test_seeds_blink_at_their_own_times() -> None:
    assert _rows(Blinks(), 1, 500) != _rows(Blinks(), 2, 500)


@pytest.mark.parametrize(
    ("gaps", "expected"), [(-1, None), (30, [30, 30, 30]), ((5, 20), [5, 20, 5, 20]), (0, None), ((0,), [0, 0, 0])]
)
def test_gaps_are_as_they_are_set(gaps: int | tuple[int, ...], expected: list[int] | None) -> None:
    rows = _rows(Blinks(gaps), 1, 400)
    if gaps == -1:
        assert not any(rows)
    elif expected is not None:
        assert _gaps(rows)[: len(expected)] == expected


def test_a_script_goes_before_chance_and_is_gone_through_again() -> None:
    assert _rows(Blinks(script=(0, 4, 2)), 1, 7) == [0, 4, 2, 0, 4, 2, 0]


def test_noise_is_a_function_of_seed_and_window() -> None:
    noise = window_noise(5, 3, 10)
    assert noise.shape == (10, 80, 265) and noise.dtype == np.float32
    assert np.array_equal(noise, window_noise(5, 3, 10))
    assert not np.array_equal(noise[0], window_noise(5, 4, 10)[0])
    assert np.array_equal(noise[1:], window_noise(5, 4, 10)[1:]), "the steps' noise is a stream's, not a window's"
    assert not np.array_equal(noise[1], window_noise(6, 3, 10)[1])
    assert np.array_equal(noise[1:5], window_noise(5, 9, 5)[1:]), "fewer steps have the first of them"


def test_noise_is_standard_normal() -> None:
    noise = window_noise(1, 0, 25)
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 1) < 0.01
    flat = noise.reshape(25, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(25)).max() < 0.03


def test_numbers_of_all_sizes_and_purposes_differ() -> None:
    drawn = {
        int(generator(seed, purpose, number).integers(1 << 62))
        for seed in (0, 1, (1 << 63) - 1)
        for purpose in Purpose
        for number in (0, 1, 1 << 40)
    }
    assert len(drawn) == 27
