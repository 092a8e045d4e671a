"""Ditto's networks on the GPU of this machine. Weights are random: they cost what trained ones cost.

    python -m benchmarks.gpu                 a quarter of an hour; writes benchmarks/results/gpu-*.json
    python -m benchmarks.gpu --narrow        narrow networks, wherever it is: does the benchmark itself work?

Frames a second by batch and precision against the published way (torch eager, one frame at a time, fp16 autocast),
each network's share, what each of our means is worth, memory, exactness against float32 on the CPU, and how near all
that is to what the card can do, which is measured in the same run. 8-bit networks exist as engines only: see
`avatar engines build`.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.ceilings import ceilings
from benchmarks.gpu.diffusion import STEPS, windows
from benchmarks.gpu.environment import describe_device
from benchmarks.gpu.networks import Inputs, Networks, random_inputs, random_networks
from benchmarks.gpu.renderer import ours, published, reference_frame
from benchmarks.machine import write_result
from benchmarks.record import BYTES, Measure
from deployments.video.ditto.sizes import FULL, NARROW
from deployments.video.ditto.torch_renderer import Precision

SECONDS = 3.0
BATCHES = (1, 2, 4, 5, 8)
NARROW_BATCHES = (1, 2)
MEANS: tuple[dict[str, bool], ...] = (
    {"channels_last": False},
    {"fused_spade": False},
    {"cuda_graphs": False},
    {"channels_last": False, "fused_spade": False, "cuda_graphs": False},
)
"""Each switched off alone, then all, at five frames in half precision. The rewrites themselves stay."""
MEANS_BATCH = 5


def renderings(
    networks: Networks, inputs: Inputs, device: torch.device, batches: Sequence[int], seconds: float
) -> Iterator[dict[str, Any]]:
    """Each as it is done."""
    reference = reference_frame(networks, inputs)
    yield published(networks, inputs, device, seconds, reference)
    precisions: tuple[Precision, ...] = ("fp16", "fp32") if device.type == "cuda" else ("fp32",)
    for precision in precisions:
        for batch in batches:
            yield ours(networks, inputs, device, precision, batch, seconds, reference)
    if device.type == "cuda":
        for options in MEANS:
            yield ours(networks, inputs, device, "fp16", MEANS_BATCH, seconds, reference, **options)


def with_ceiling(run: dict[str, Any], best: dict[str, Any]) -> dict[str, Any]:
    """The run, and which part of the card's own best for its precision it reaches."""
    ceiling = best["fp16_teraflops" if run["precision"].startswith("fp16") else "fp32_teraflops"]
    return run | {"part_of_ceiling": run["teraflops"] / ceiling if ceiling else None}


def measures(runs: Sequence[Mapping[str, Any]], windows: Sequence[Mapping[str, Any]]) -> list[Measure]:
    """The renderer's by way, precision, batch and what was switched off; the motion's by way, steps and batch."""
    found = []
    for run in runs:
        off = " ".join(sorted(name for name, on in run.get("options", {}).items() if not on))
        group = {"way": run["way"], "precision": run["precision"], "batch": run["batch"]}
        group |= {"without": off} if off else {}
        found.append(Measure("frames_per_second", "1/s", (run["frames_per_second"],), "higher", group))
        found += _peak(run, group)
        if run["psnr"] is not None:
            found.append(Measure("psnr", "dB", (run["psnr"],), "higher", group, stray=0.0))
    for window in windows:
        group = {"network": "motion", "way": window["way"], "steps": window["steps"], "batch": window["batch"]}
        found.append(Measure("window", "ms", (window["milliseconds_per_window"],), "lower", group))
        found += _peak(window, group)
    return found


def _peak(run: Mapping[str, Any], group: Mapping[str, str | int]) -> list[Measure]:
    peak = run["peak_gigabytes"]
    return [] if peak is None else [Measure("peak", BYTES, (1e9 * peak,), "lower", group)]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--narrow", action="store_true", help="narrow networks: a test of this program, not of a card")
    parser.add_argument("--device", help="cuda, cuda:1, cpu; by default cuda where it is")
    parser.add_argument("--seconds", type=float, help="of each measurement")
    parser.add_argument("-o", "--output", type=Path, help="folder of the result; by default benchmarks/results")
    arguments = parser.parse_args(words)
    device = torch.device(arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    if device.type == "cpu" and not arguments.narrow:
        parser.error("there is no CUDA here. With --narrow the program tests itself, with narrow networks")
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    seconds = arguments.seconds or (0.0 if arguments.narrow else SECONDS)
    batches = NARROW_BATCHES if arguments.narrow else BATCHES
    sizes = NARROW if arguments.narrow else FULL
    networks, inputs = random_networks(sizes), random_inputs(sizes, max(BATCHES))
    best = ceilings(device, seconds, arguments.narrow)
    runs = []
    for run in renderings(networks, inputs, device, batches, seconds):
        runs.append(with_ceiling(run, best))
        print(json.dumps(runs[-1]), flush=True)
    figures: dict[str, Any] = {
        "measures_a_card": device.type == "cuda" and not arguments.narrow,
        "note": "a test of the program with narrow networks: no figure of a card" if arguments.narrow else "",
        "device": describe_device(device),
        "ceilings": best,
        "renderer": runs,
        "motion": windows(networks, device, seconds, STEPS[:1] if arguments.narrow else STEPS),
    }
    name = "gpu_selftest" if arguments.narrow else "gpu"
    folder = {} if arguments.output is None else {"folder": arguments.output}
    found = measures(runs, figures["motion"])
    print(write_result(name, sys.argv, figures, measures=found, **folder))


if __name__ == "__main__":
    main()
