"""W and G, published and ours: frames a second, the share of each part, operations, memory, exactness."""

import copy
import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.clock import forget_peak, peak_bytes, seconds_of
from benchmarks.gpu.networks import Inputs, Networks
from deployments.video.ditto.runtimes.cuda_graph import Graphed
from deployments.video.ditto.torch_renderer import Precision, TorchRenderer


def flops_of(work: Callable[[], object]) -> int:
    """Two for each multiply-add, by torch's counter."""
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())


def psnr(picture: Tensor, reference: Tensor) -> float | None:
    """In decibels, of pictures in 0..1; None where they are the same."""
    error = float((picture.double().cpu() - reference.double().cpu()).square().mean())
    return None if error == 0 else -10 * math.log10(error)


@torch.inference_mode()
def reference_frame(networks: Networks, inputs: Inputs) -> Tensor:
    """The first frame by the published networks, float32 on the CPU: [1, 3, 8g, 8g]."""
    warped = networks.warp(inputs.feature, torch.from_numpy(inputs.source), torch.from_numpy(inputs.driving[:1]))
    frame: Tensor = networks.decoder(warped.out)
    return frame


@torch.inference_mode()
def published(
    networks: Networks, inputs: Inputs, device: torch.device, seconds: float, reference: Tensor
) -> dict[str, Any]:
    """As it is published: torch eager, one frame at a time, half precision by autocast where there is a GPU."""
    forget_peak(device)
    warp, decoder = copy.deepcopy(networks.warp).to(device), copy.deepcopy(networks.decoder).to(device)
    feature, source = inputs.feature.to(device), torch.from_numpy(inputs.source).to(device)
    driving = torch.from_numpy(inputs.driving[:1]).to(device)
    with torch.autocast("cuda", torch.float16) if device.type == "cuda" else nullcontext():
        features = warp(feature, source, driving).out
        parts = {
            "warp": seconds_of(lambda: warp(feature, source, driving), device, seconds),
            "decoder": seconds_of(lambda: decoder(features), device, seconds),
        }
        whole = seconds_of(lambda: decoder(warp(feature, source, driving).out), device, seconds)
        flops = flops_of(lambda: decoder(warp(feature, source, driving).out))
        frame = decoder(features)
    found = _told("published", 1, whole, parts, flops, device)
    found |= {"precision": "fp16 autocast" if device.type == "cuda" else "fp32", "psnr": psnr(frame, reference)}
    return found


@torch.inference_mode()
def ours(
    networks: Networks,
    inputs: Inputs,
    device: torch.device,
    precision: Precision,
    batch: int,
    seconds: float,
    reference: Tensor,
    **options: bool,
) -> dict[str, Any]:
    """The renderer that serves, with `batch` frames of one face a time. `options`: as TorchRenderer has them."""
    forget_peak(device)
    own = copy.deepcopy((networks.warp, networks.decoder))  # folding may take weights over
    renderer = TorchRenderer(*own, device=device, precision=precision, max_batch_frames=batch, **options)
    renderer.batch_frames = batch  # on a CPU it would go one by one
    face = renderer.identity(inputs.feature, inputs.source)
    faces, driving = [face] * batch, inputs.driving[:batch]

    def render() -> Tensor:
        return renderer.frames(faces, driving, renderer.fields(faces, driving))

    whole = seconds_of(render, device, seconds)
    frames = render()
    alone = torch.cat([_alone(renderer, faces[0], driving[row : row + 1]) for row in range(batch)])
    parts = _parts(renderer, inputs, batch, options.get("cuda_graphs", device.type == "cuda"), seconds)
    flops = flops_of(lambda: _ungraphed(renderer, inputs, batch))
    found = _told("ours", batch, whole, parts, flops, device)
    return found | {
        "precision": precision,
        "options": options,
        "psnr": psnr(frames[:1], reference),
        "psnr_of_a_batch_against_single_frames": psnr(frames, alone),
    }


def _alone(renderer: TorchRenderer, face: Any, driving: Any) -> Tensor:
    return renderer.frames([face], driving, renderer.fields([face], driving))


def _tensors(renderer: TorchRenderer, inputs: Inputs, batch: int) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """What FieldsNet gets, and what WarpTail gets but for mask and occlusion."""
    face = renderer.identity(inputs.feature, inputs.source)
    driving = torch.from_numpy(inputs.driving[:batch]).to(renderer.device)
    rows = [tensor.expand(batch, *tensor.shape[1:]) for tensor in (face.compressed, face.heat, face.points)]
    feature = face.feature.expand(batch, *face.feature.shape[1:])
    return (*rows, driving), (feature, rows[2], driving)


def _parts(renderer: TorchRenderer, inputs: Inputs, batch: int, graphs: bool, seconds: float) -> dict[str, float]:
    """Each network alone, recorded as the whole is."""
    asked, moved = _tensors(renderer, inputs, batch)
    modules = renderer.modules
    fields, tail, decoder = (
        Graphed(network, enabled=graphs)
        for network in (modules.fields, modules.frames.tail, modules.frames.decoder)
    )  # fmt: skip
    where = fields(*asked)
    (features,) = tail(*moved, *where)
    return {
        "fields": seconds_of(lambda: fields(*asked), renderer.device, seconds),
        "tail": seconds_of(lambda: tail(*moved, *where), renderer.device, seconds),
        "decoder": seconds_of(lambda: decoder(features), renderer.device, seconds),
    }


def _ungraphed(renderer: TorchRenderer, inputs: Inputs, batch: int) -> object:
    asked, moved = _tensors(renderer, inputs, batch)
    return renderer.modules.frames(*moved, *renderer.modules.fields(*asked))


def _told(
    way: str, batch: int, whole: float, parts: dict[str, float], flops: int, device: torch.device
) -> dict[str, Any]:
    spent = sum(parts.values())
    return {
        "way": way,
        "batch": batch,
        "frames_per_second": batch / whole,
        "milliseconds_per_frame": 1000 * whole / batch,
        "milliseconds_by_part": {name: 1000 * part / batch for name, part in parts.items()},
        "share_by_part": {name: part / spent for name, part in parts.items()},
        "gigaflop_per_frame": flops / batch / 1e9,
        "teraflops": flops / whole / 1e12,
        "peak_gigabytes": None if (peak := peak_bytes(device)) is None else peak / 1e9,
    }
