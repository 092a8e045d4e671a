"""The pieces of the portrait that need no network: curves, grids, plates, weights, the look's knobs."""

import itertools

import numpy as np
import pytest
from pydantic import ValidationError

from deployments.video.portrait.background import background_plate
from deployments.video.portrait.curves import Curve, bell, smoothstep
from deployments.video.portrait.grids import Grid, Inverter, combine
from deployments.video.portrait.look import Look
from deployments.video.portrait.pose import MOUTH_CHANNELS, Pose
from deployments.video.portrait.weights import aperture
from deployments.video.sampling import sample


def pose(**channels: float) -> Pose:
    return Pose(np.array([channels.get(name, 0.0) for name in MOUTH_CHANNELS], np.float32))


def test_curve_passes_its_points_and_never_overshoots() -> None:
    x, y = np.array([0, 1, 2, 5, 6], np.float32), np.array([0, 0, 3, 3, -1], np.float32)
    curve = Curve(x[::-1], y[::-1])
    assert np.allclose(curve(x), y, atol=1e-6)
    dense = curve(np.linspace(-2, 8, 400, dtype=np.float32))
    assert dense.min() >= -1 and dense.max() <= 3
    assert dense[0] == 0 and dense[-1] == -1


def test_smoothstep_and_bell_have_their_ends() -> None:
    assert float(smoothstep(-1.0)) == 0 and float(smoothstep(2.0)) == 1 and float(smoothstep(0.5)) == 0.5
    assert float(bell(np.zeros(1, np.float32), 3.0)[0]) == 1


def test_grid_enlarges_to_pixel_coordinates() -> None:
    grid = Grid.over(10, 20, 57, 64, 4)
    full = grid.enlarged(grid.places())
    assert full.shape == (44, 47, 2)
    x, y = np.meshgrid(np.arange(10, 57), np.arange(20, 64))
    assert np.abs(full - np.dstack([x, y])).max() < 1e-3


def test_invert_finds_where_a_place_comes_from() -> None:
    grid = Grid.over(0, 0, 96, 80, 4)
    field = np.dstack([3 * bell(grid.x - 48, 30), 2 * bell(grid.y - 40, 25)])
    source = Inverter(grid, grid.places())(field, 8)
    moved = source + sample(field, (source - [grid.x[0, 0], grid.y[0, 0]]) / 4)
    assert np.abs(moved - grid.places())[3:-3, 3:-3].max() < 0.02


def test_combine_is_the_weighted_sum() -> None:
    generator = np.random.default_rng(3)
    basis, weights = generator.normal(size=(5, 40)).astype(np.float32), np.array([0, 1, -2, 0, 0.5], np.float32)
    assert np.allclose(combine(weights, basis), weights @ basis, atol=1e-5)


def test_plate_keeps_the_background_and_fills_the_person_from_it() -> None:
    photo = np.full((64, 48, 3), 40, np.uint8)
    photo[20:, 16:32] = 250
    matte = np.zeros((64, 48), np.uint8)
    matte[20:, 16:32] = 255
    plate = background_plate(photo, matte)
    assert (plate[matte < 255] == photo[matte < 255]).all()
    assert plate.max() <= 41


def test_small_openings_are_eased_away_and_larger_ones_grow() -> None:
    look = Look()
    openings = [aperture(pose(open=value), look) for value in np.linspace(0, 0.4, 81)]
    assert all(late >= early for early, late in itertools.pairwise(openings))
    assert aperture(pose(open=0.01), look) < 0.0025
    assert aperture(pose(open=0.2), look) == pytest.approx(0.2)
    assert aperture(pose(open=0.01), Look(aperture_soft=0)) == pytest.approx(0.01)


def test_press_shuts_the_mouth() -> None:
    assert aperture(pose(open=0.3, press=1), Look()) == 0


def test_look_refuses_unknown_knobs() -> None:
    with pytest.raises(ValidationError):
        Look.model_validate({"teeth": 1})
