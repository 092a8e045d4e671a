"""Ditto's Triton kernels against torch in Triton's interpreter, and compiled for an L4."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.plain,
    pytest.mark.skipif(
        importlib.util.find_spec("torch") is None or importlib.util.find_spec("triton") is None,
        reason="torch and triton are of the gpu extra",
    ),
]
ROOT = Path(__file__).resolve().parents[2]

# Of its own process each: whether Triton interprets is settled when it is imported.
MODULATION = """
import itertools, json, torch
from deployments.video.ditto.fast.modulate import NO_SLOPE, modulate, statistics
from deployments.video.ditto.fast.spade_triton import modulate_fused
torch.set_num_threads(1)
torch.manual_seed(0)
found = []
sizes = [(2, 5, 7, 9, 1), (1, 67, 6, 5, 2), (3, 64, 8, 8, 2), (1, 3, 25, 23, 1)]
for size, kind, last, added in itertools.product(sizes, (torch.float32, torch.float16), (False, True), (False, True)):
    number, channels, height, width, factor = size
    order = torch.channels_last if last else torch.contiguous_format
    picture = (torch.randn(number, channels, height, width) * 3 + 1).to(kind).contiguous(memory_format=order)
    both = torch.randn(number, 2 * channels, factor * height, factor * width).to(kind).contiguous(memory_format=order)
    gamma, beta = both.chunk(2, dim=1)
    beta, slope = (beta, 0.2) if added else (None, NO_SLOPE)
    of = statistics(picture)
    wanted = modulate(picture, of, gamma, beta, factor=factor, slope=slope, fused=False)
    got = modulate_fused(picture, of.mean, of.rstd, gamma, beta, factor=factor, slope=slope)
    same = got.dtype == kind and got.shape == wanted.shape and got.is_contiguous(memory_format=order)
    found.append([str(kind), same, float((got.float() - wanted.float()).abs().max())])
print(json.dumps(found))
"""

VOLUMES = """
import json, torch
from deployments.video.ditto.fast.seen import see
from deployments.video.ditto.fast.seen_triton import see_fused
from deployments.video.ditto.networks.geometry import KEYPOINT_VARIANCE
torch.set_num_threads(1)
torch.manual_seed(0)
found = []
for kind in (torch.float32, torch.float16):
    for number, channels, depth, height, width, motions, spare in [(2, 4, 3, 9, 9, 5, 3), (1, 3, 4, 10, 10, 4, 0)]:
        volume = torch.randn(1, channels, depth, height, width).to(kind).expand(number, -1, -1, -1, -1)
        heat = torch.rand(number, motions - 1, depth, height, width).to(kind)
        moved, driving = 0.8 * torch.randn(number, motions, 3), 2 * torch.rand(number, motions - 1, 3) - 1
        wanted = see(volume, heat, moved, driving, spare=spare, fused=False)
        got = see_fused(volume, heat, moved, driving, KEYPOINT_VARIANCE, spare)
        same = got.dtype == kind and got.shape == wanted.shape
        found.append([str(kind), same, float((got.float() - wanted.float()).abs().max())])
print(json.dumps(found))
"""

COMPILED = """
import json
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from deployments.video.ditto.fast.seen_triton import _see
from deployments.video.ditto.fast.spade_triton import _modulate

def accesses(kernel, whole, half, single, aligned=()):
    kinds = dict.fromkeys(half, "*fp16") | dict.fromkeys(single, "*fp32") | dict.fromkeys(whole, "constexpr")
    kinds |= {"slope": "fp32", "variance": "fp32"}
    names = kernel.arg_names
    signature = {name: kinds.get(name, "i32") for name in names}
    attributes = {(names.index(name),): [["tt.divisibility", 16]] for name in aligned}
    source = ASTSource(kernel, signature, constexprs=whole, attrs=attributes)
    made = triton.compile(source, target=GPUTarget("cuda", 89, 32))
    return [line.strip() for line in made.asm["ptx"].splitlines() if ".global." in line]

whole = {"factor": 2, "has_beta": True, "cells_each": 32, "channels_each": 64}
whole |= dict.fromkeys(("picture_c", "gamma_c", "beta_c", "out_c"), 1)
half, single = ("picture", "gamma", "beta", "out"), ("mean", "rstd")
strides = [name for name in _modulate.arg_names if name.endswith(("_n", "_h", "_w"))]
modulation = accesses(_modulate, whole, half, single, (*half, *single, *strides, "channels"))
whole = dict(motions=22, channels=4, depth=16, height=64, width=64, spare=3, cells_each=256, volume_x=1, heat_x=1)
volumes = accesses(_see, whole, ("volume", "heat", "out"), ("moved", "driving"))
print(json.dumps([modulation, volumes]))
"""


def said(program: str, tmp_path: Path, **environment: str) -> list[Any]:
    """What a program prints as JSON, run in a fresh process with a compiler's cache of its own."""
    settings = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found: list[Any] = json.loads(run.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("program", "cases"), [(MODULATION, 32), (VOLUMES, 4)], ids=["modulation", "volumes"])
def test_a_kernel_gives_what_torch_gives(program: str, cases: int, tmp_path: Path) -> None:
    found = said(program, tmp_path, TRITON_INTERPRET="1")
    assert len(found) == cases
    for kind, same, error in found:
        assert same
        assert error <= (1e-6 if "32" in kind else 2e-3)


def test_kernels_compile_for_the_l4(tmp_path: Path) -> None:
    modulation, volumes = said(COMPILED, tmp_path, TRITON_INTERPRET="0")
    assert modulation
    assert all(".v4.b32" in line for line in modulation), "16 bytes at a time, where channels are last"
    assert volumes
