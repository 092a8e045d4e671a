"""LMDM: published keys and numbers; what is kept between steps changes nothing and saves what it should."""

from functools import cache

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from deployments.contracts import Float32
from deployments.errors import EngineFailed
from deployments.video.ditto import sampler
from deployments.video.ditto.fast.diffusion import CachedDiffuser
from deployments.video.ditto.networks.diffusion import MotionDiffusion, guided
from deployments.video.ditto.sizes import FULL, NARROW, Sizes
from tests.ditto_golden import compare
from tests.ditto_weights import fill_module, n, shapes

pytestmark = pytest.mark.contract
# Relative to the largest value of the reference, which pseudo-weights bring to 17 and more.
SINGLE_PRECISION = 3e-6


@cache
def network(sizes: Sizes) -> MotionDiffusion:
    made = MotionDiffusion(sizes)
    fill_module(made)
    return made


def window(rows: int, steps: int) -> tuple[Float32, Float32, Float32]:
    """Conditions, conditioning motion and noise, each row its own."""
    return n("conditions", (rows, 80, 1103)), n("firsts", (rows, 265)), n("noises", (steps, rows, 80, 265))


@torch.no_grad()
def plain(net: MotionDiffusion, conditions: Float32, first: Float32, noise: Float32) -> Float32:
    """The sampler around the network as published, nothing kept."""
    cond, cond_frame = torch.from_numpy(conditions), torch.from_numpy(first)
    times = sampler.times(len(noise))

    def predict(index: int, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = net(x, cond_frame, cond, torch.full((len(x),), times[index]))
        return made

    found: Float32 = sampler.denoise(predict, torch.from_numpy(noise)).numpy()
    return found


def relative(found: Float32, reference: Float32) -> float:
    return float(np.abs(found - reference).max() / np.abs(reference).max())


def published_window() -> tuple[Float32, Float32, Float32]:
    noise = [n("noise:init", (1, 80, 265)), *(n(f"noise:{i}", (1, 80, 265)) for i in range(9))]
    return n("in:L.c", (1, 80, 1103)), n("in:L.cf", (1, 265)), np.stack(noise)


def test_keys_and_shapes_are_those_of_the_published_checkpoint() -> None:
    found = {key: tuple(value.shape) for key, value in network(FULL).state_dict().items()}
    assert found == shapes("LMDM") and len(found) == 249


@torch.no_grad()
def test_one_step_is_the_published_one() -> None:
    net, times = network(FULL), torch.tensor([599])
    x, first, conditions = (torch.from_numpy(n(f"in:L.{key}", shape)) for key, shape in INPUTS.items())
    conditional = net.branch(x, first, net.tokens(conditions), times)
    unconditional = net.branch(x, first, None, times)
    motion = net(x, first, conditions, times)
    assert compare("LMDM", "cond", conditional) < 5e-5
    assert compare("LMDM", "uncond", unconditional) < 5e-5
    assert compare("LMDM", "x_start", motion) < 1e-4
    assert compare("LMDM", "pred_noise", sampler.noise_in(x, motion, 599)) < 1e-4
    torch.testing.assert_close(guided(torch.cat((conditional, unconditional))), motion, rtol=0, atol=1e-4)


INPUTS = {"x": (1, 80, 265), "cf": (1, 265), "c": (1, 80, 1103)}


def test_ten_steps_are_the_published_ones_at_less_cost() -> None:
    diffuser = CachedDiffuser(network(FULL))
    diffuser.prepare(10)
    with FlopCounterMode(display=False) as counted:
        found = diffuser.sample(*published_window())
    assert compare("LMDM", "ddim10", found) < 1e-4
    # Counted as the published 9.81 GFLOP a step were, without the products inside attention (0.41 more). All that a
    # window needs once is in it.
    assert counted.get_total_flops() / 10 < 6.9e9


@pytest.mark.parametrize("steps", [1, 10, 25])
def test_what_is_kept_changes_nothing(steps: int) -> None:
    asked = window(2, steps)
    found = CachedDiffuser(network(NARROW)).sample(*asked)
    assert found.shape == (2, 80, 265) and found.dtype == np.float32
    assert relative(found, plain(network(NARROW), *asked)) < SINGLE_PRECISION


def test_schedules_and_batches_may_follow_each_other() -> None:
    diffuser = CachedDiffuser(network(NARROW))
    before = diffuser.sample(*window(1, 10))
    diffuser.sample(*window(3, 25))
    diffuser.sample(*window(2, 10))
    np.testing.assert_array_equal(diffuser.sample(*window(1, 10)), before)


@torch.no_grad()
def test_rows_of_a_batch_are_what_they_are_alone() -> None:
    conditions, first, noise = window(3, 10)
    diffuser = CachedDiffuser(network(NARROW))
    together = diffuser.sample(conditions, first, noise)
    net, times = network(NARROW), torch.tensor([999, 599, 99])
    x, cond_frame, cond = (torch.from_numpy(array) for array in (noise[0], first, conditions))
    step = net(x, cond_frame, cond, times).numpy()
    for k in range(3):
        row = slice(k, k + 1)
        assert relative(together[row], diffuser.sample(conditions[row], first[row], noise[:, row])) < SINGLE_PRECISION
        alone = net(x[row], cond_frame[row], cond[row], times[row]).numpy()
        assert relative(step[row], alone) < SINGLE_PRECISION
    assert relative(together[0], together[1]) > 0.1


def test_a_step_costs_less_than_the_network_as_it_stands() -> None:
    asked = window(1, 10)
    diffuser = CachedDiffuser(network(NARROW))
    diffuser.prepare(10)
    with sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as kept:
            diffuser.sample(*asked)
        with FlopCounterMode(display=False) as whole:
            plain(network(NARROW), *asked)
    assert kept.get_total_flops() < 0.8 * whole.get_total_flops()


def test_half_precision_is_near() -> None:
    asked = window(1, 10)
    exact = CachedDiffuser(network(NARROW)).sample(*asked)
    half = CachedDiffuser(network(NARROW), half=True).sample(*asked)
    assert half.dtype == np.float32
    noise = float(np.sqrt(np.mean((half - exact) ** 2)))
    assert 20 * np.log10(float(np.ptp(exact)) / noise) > 45
    # The network that it was made from is still in single precision.
    assert {value.dtype for value in network(NARROW).state_dict().values()} == {torch.float32}


def test_windows_that_do_not_fit_are_refused() -> None:
    conditions, first, noise = window(2, 5)
    with pytest.raises(EngineFailed, match="do not fit"):
        CachedDiffuser(network(NARROW)).sample(conditions, first[:1], noise)
