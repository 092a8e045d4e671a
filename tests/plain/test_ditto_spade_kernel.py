"""The fused modulation of Ditto's decoder: its kernel against torch in Triton's interpreter, and compiled for an L4."""

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
INTERPRETED = """
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

COMPILED = """
import json
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from deployments.video.ditto.fast.spade_triton import _modulate
whole = {"factor": 2, "has_beta": True, "cells_each": 32, "channels_each": 64}
whole |= dict.fromkeys(("picture_c", "gamma_c", "beta_c", "out_c"), 1)
kinds = {"picture": "*fp16", "gamma": "*fp16", "beta": "*fp16", "out": "*fp16", "mean": "*fp32", "rstd": "*fp32"}
kinds |= {"slope": "fp32"} | dict.fromkeys(whole, "constexpr")
names = _modulate.arg_names
aligned = [n for n in names if kinds.get(n, "i32").startswith("*") or n.endswith(("_n", "_h", "_w")) or n == "channels"]
source = ASTSource(
    _modulate,
    {name: kinds.get(name, "i32") for name in names},
    constexprs=whole,
    attrs={(names.index(name),): [["tt.divisibility", 16]] for name in aligned},
)
made = triton.compile(source, target=GPUTarget("cuda", 89, 32))
print(json.dumps([line.strip() for line in made.asm["ptx"].splitlines() if ".global." in line]))
"""


def said(program: str, tmp_path: Path, **environment: str) -> list[Any]:
    """What a program prints as JSON, run in a fresh process with a compiler's cache of its own."""
    settings = {**os.environ, "TRITON_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found: list[Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_the_kernel_gives_what_torch_gives(tmp_path: Path) -> None:
    found = said(INTERPRETED, tmp_path, TRITON_INTERPRET="1")
    assert len(found) == 32
    for kind, same, error in found:
        assert same
        assert error <= (1e-6 if "32" in kind else 2e-3)


def test_the_kernel_compiles_for_the_l4_and_moves_16_bytes_at_a_time(tmp_path: Path) -> None:
    memory = said(COMPILED, tmp_path, TRITON_INTERPRET="0")
    assert memory
    assert all(".v4.b32" in line for line in memory)
