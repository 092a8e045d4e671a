"""The sampler against the published schedule, without a network."""

import numpy as np
import pytest
import torch

from deployments.errors import EngineFailed
from deployments.video.ditto import sampler

pytestmark = pytest.mark.plain

# The published sampler's coefficients for ten steps: sqrt of what is left at the next time, noise kept, noise added.
TEN_STEPS = (
    (0.155215, 0.000345, 0.987881),
    (0.306669, 0.464159, 0.830970),
    (0.450690, 0.569679, 0.687273),
    (0.583789, 0.570081, 0.578098),
    (0.702740, 0.517894, 0.487794),
    (0.804660, 0.432739, 0.406521),
    (0.887080, 0.325551, 0.327271),
    (0.948001, 0.205332, 0.243172),
    (0.985948, 0.084310, 0.144219),
)


def test_what_remains_of_the_signal() -> None:
    left = sampler.remaining()
    assert left.dtype == np.float32 and left.shape == (1000,)
    assert 1 - left[0] == pytest.approx(4.1284e-5, rel=2e-3)
    expected = {0: 0.9999587, 99: 0.9720927, 500: 0.492285, 998: 2.42877e-6, 999: 2.4287e-9}
    for time, value in expected.items():
        assert left[time] == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("steps", [1, 5, 7, 10, 25, 50, 1000])
def test_times_are_those_of_the_published_list(steps: int) -> None:
    published = torch.linspace(-1, 999, steps + 1).int().tolist()
    assert sampler.times(steps) == published[:0:-1]


def test_coefficients_of_ten_steps() -> None:
    steps = sampler.schedule(10)
    assert [step.time for step in steps] == [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]
    found = [(step.keep, step.noise, step.fresh) for step in steps[:-1]]
    np.testing.assert_allclose(found, TEN_STEPS, atol=6e-7)


@pytest.mark.parametrize("steps", [10, 25, 50])
def test_a_perfect_prediction_is_the_result(steps: int) -> None:
    noise = np.random.default_rng(0).standard_normal((steps, 1, 4, 3)).astype(np.float32)
    motion = np.full((1, 4, 3), 0.25, np.float32)
    np.testing.assert_array_equal(sampler.denoise(lambda _, x: motion, noise), motion)


def test_each_step_is_the_formula_of_the_next_time() -> None:
    noise = np.random.default_rng(1).standard_normal((3, 2, 4, 5)).astype(np.float32)
    seen: list[np.ndarray] = []

    def predict(index: int, x: np.ndarray) -> np.ndarray:
        seen.append(x)
        return np.float32(0.5) * x

    out = sampler.denoise(predict, noise)
    assert len(seen) == 3 and out.dtype == np.float32 and np.isfinite(out).all()
    np.testing.assert_array_equal(seen[0], noise[0])
    x = noise[0].astype(np.float64)
    for step, fresh in zip(sampler.schedule(3)[:-1], noise[1:], strict=True):
        left = float(sampler.remaining()[step.time])
        found_noise = (x - left**0.5 * 0.5 * x) / (1 - left) ** 0.5
        x = step.keep * 0.5 * x + step.noise * found_noise + step.fresh * fresh
        np.testing.assert_allclose(seen.pop(1), x, rtol=0, atol=2e-5)
    np.testing.assert_allclose(out, 0.5 * x, atol=2e-5)


def test_every_schedule_is_finite_and_keeps_the_variance() -> None:
    for count in (*range(1, 101), 250, 500, 1000):
        for step, time in zip(sampler.schedule(count), [*sampler.times(count)[1:], 0], strict=True):
            kept = (step.keep, step.noise, step.fresh, step.to_noise, step.from_motion)
            assert np.isfinite(kept).all()
            if time:
                assert step.keep**2 + step.noise**2 + step.fresh**2 == pytest.approx(1, abs=1e-6)


def test_numpy_and_torch_agree() -> None:
    noise = np.random.default_rng(2).standard_normal((10, 1, 4, 5)).astype(np.float32)
    by_numpy = sampler.denoise(lambda _, x: np.tanh(x), noise)
    by_torch = sampler.denoise(lambda _, x: torch.tanh(x), torch.from_numpy(noise))
    np.testing.assert_allclose(by_numpy, by_torch.numpy(), atol=1e-6)


@pytest.mark.parametrize("steps", [0, -3, 1001])
def test_impossible_numbers_of_steps(steps: int) -> None:
    with pytest.raises(ValueError, match="1 to 1000"):
        sampler.times(steps)


def test_windows_that_do_not_fit() -> None:
    conditions, first = np.zeros((2, 80, 1103), np.float32), np.zeros((2, 265), np.float32)
    sampler.check_window(conditions, first, np.zeros((10, 2, 80, 265), np.float32))
    for noise in (np.zeros((10, 1, 80, 265), np.float32), np.zeros((2, 80, 265), np.float32)):
        with pytest.raises(EngineFailed, match="do not fit"):
            sampler.check_window(conditions, first, noise)
    with pytest.raises(EngineFailed, match="do not fit"):
        sampler.check_window(conditions, first[:1], np.zeros((10, 2, 80, 265), np.float32))
    with pytest.raises(EngineFailed, match="do not fit"):
        sampler.check_window(conditions, first, np.zeros((0, 2, 80, 265), np.float32))
    with pytest.raises(EngineFailed, match="do not fit"):
        sampler.check_window(conditions[..., :7], first, np.zeros((10, 2, 80, 265), np.float32))
