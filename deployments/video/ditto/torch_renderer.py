"""W and G in PyTorch: float32 on a CPU; half precision, channels-last and CUDA graphs on a GPU."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from deployments.contracts import Float32
from deployments.errors import EngineFailed
from deployments.video.ditto.fast.decoder import FastDecoder
from deployments.video.ditto.fast.warp import FieldsNet, IdentityNet, WarpTail
from deployments.video.ditto.networks.decoder import Decoder
from deployments.video.ditto.networks.warp import Warp
from deployments.video.ditto.runtimes.cuda_graph import Graphed
from deployments.video.ditto.types import Fields, Identity

Precision = Literal["fp32", "fp16"]
TYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "fp16": torch.float16}

ALIGNED = 8
"""Channels that a tensor core reads at a time in half precision."""


class FramesNet(nn.Module):
    """WarpTail, then FastDecoder: inputs of the one to RGB [n, 3, 8g, 8g] in 0..1."""

    def __init__(self, tail: WarpTail, decoder: FastDecoder) -> None:
        super().__init__()
        self.tail, self.decoder = tail, decoder

    def forward(
        self, feature: Tensor, kp_source: Tensor, kp_driving: Tensor, mask: Tensor, occlusion: Tensor
    ) -> Tensor:
        """See the class."""
        picture: Tensor = self.decoder(self.tail(feature, kp_source, kp_driving, mask, occlusion))
        return picture


@dataclass(frozen=True, slots=True, eq=False)
class RendererModules:
    """What serves of W and G: pure functions of tensors with any batch, of the types of their weights."""

    identity: IdentityNet
    fields: FieldsNet
    frames: FramesNet

    @classmethod
    def fold(cls, warp: Warp, decoder: Decoder, *, fused: bool = False, aligned: int = 1) -> "RendererModules":
        """Of the published networks, whose weights are folded in their own precision. They are not needed any more.
        `fused`: Triton kernels where tensors are on a GPU. `aligned`: see FieldsNet."""
        with torch.no_grad():
            frames = FramesNet(WarpTail(warp), FastDecoder(decoder, fused_spade=fused))
            folded = cls(IdentityNet(warp), FieldsNet(warp, aligned=aligned, fused=fused), frames)
        for module in folded.all():
            module.eval().requires_grad_(False)
        return folded

    def all(self) -> tuple[nn.Module, ...]:
        """The three."""
        return self.identity, self.fields, self.frames

    def place(self, device: torch.device, precision: Precision, *, channels_last: bool) -> None:
        """Moves the weights, and puts their channels last in memory: how tensor cores read them."""
        for module in self.all():
            module.to(device, TYPES[precision])
            if channels_last:
                for weight in module.parameters():
                    _put_channels_last(weight)


def _put_channels_last(weight: nn.Parameter) -> None:
    if weight.ndim >= 4:
        order = torch.channels_last if weight.ndim == 4 else torch.channels_last_3d
        weight.data = weight.data.contiguous(memory_format=order)


class TorchRenderer:
    """A `Renderer` in PyTorch. One thread at a time.

    `precision` fp16 is for GPUs; volumes are sampled in float32 either way. `channels_last`, `fused_spade` (the Triton
    kernels of fast.spade_triton and fast.seen_triton) and `cuda_graphs` default to whether there is a GPU; without one
    the last two do nothing. Frames go in batches of `max_batch_frames` at most; on a CPU one by one, as a batch saves
    nothing there and its libraries choose their kernels, and so the last bits, by its size.
    """

    def __init__(
        self,
        warp: Warp,
        decoder: Decoder,
        *,
        device: torch.device | str = "cpu",
        precision: Precision = "fp32",
        channels_last: bool | None = None,
        fused_spade: bool | None = None,
        cuda_graphs: bool | None = None,
        max_batch_frames: int = 5,
    ) -> None:
        """Raises EngineFailed where max_batch_frames is less than 1."""
        if max_batch_frames < 1:
            raise EngineFailed(f"max_batch_frames is {max_batch_frames}; it must be 1 or more.")
        self.sizes = warp.sizes
        self.device = torch.device(device)
        on_gpu = self.device.type == "cuda"
        self.precision = TYPES[precision]
        self.batch_frames = max_batch_frames if on_gpu else 1
        fused = on_gpu if fused_spade is None else fused_spade
        last = on_gpu if channels_last is None else channels_last
        graphs = on_gpu if cuda_graphs is None else cuda_graphs
        self.modules = RendererModules.fold(warp, decoder, fused=fused, aligned=ALIGNED if last else 1)
        self.modules.place(self.device, precision, channels_last=last)
        self._fields = Graphed(self.modules.fields, enabled=graphs, most=max_batch_frames)
        self._frames = Graphed(self.modules.frames, enabled=graphs, most=max_batch_frames)

    @torch.inference_mode()
    def identity(self, feature: Tensor, points: Float32) -> Identity:
        """See `Renderer.identity`. `feature` may be on any device and of any float type."""
        held = feature.to(self.device, self.precision).contiguous()
        source = self._points(points)
        compressed, heat = self.modules.identity(held, source)
        return Identity(held, compressed, source, heat)

    @torch.inference_mode()
    def fields(self, faces: Sequence[Identity], driving: Float32) -> Fields:
        """See `Renderer.fields`. Raises EngineFailed where there is no frame, or not one face a frame."""
        moved = self._driving(faces, driving)
        masks, occlusions = [], []
        for cut in self._batches(len(faces)):
            here = faces[cut]
            compressed, heat = _rows([face.compressed for face in here]), _rows([face.heat for face in here])
            mask, occlusion = self._fields(compressed, heat, _rows([face.points for face in here]), moved[cut])
            masks.append(mask)
            occlusions.append(occlusion)
        return Fields(torch.cat(masks), torch.cat(occlusions))

    @torch.inference_mode()
    def frames(self, faces: Sequence[Identity], driving: Float32, where: Fields) -> Tensor:
        """See `Renderer.frames`. Raises EngineFailed where there is no frame, or not one face and field a frame."""
        moved = self._driving(faces, driving)
        if len(where.mask) != len(faces):
            raise EngineFailed(f"Fields of {len(where.mask)} frames for {len(faces)} faces: a defect.")
        pictures: list[Tensor] = []
        for cut in self._batches(len(faces)):
            here = faces[cut]
            feature, source = _rows([face.feature for face in here]), _rows([face.points for face in here])
            pictures += self._frames(feature, source, moved[cut], where.mask[cut], where.occlusion[cut])
        return torch.cat(pictures)

    def _batches(self, count: int) -> Iterator[slice]:
        for start in range(0, count, self.batch_frames):
            yield slice(start, start + self.batch_frames)

    def _points(self, points: Float32) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(points, np.float32)).to(self.device)

    def _driving(self, faces: Sequence[Identity], driving: Float32) -> Tensor:
        """[n, 21, 3] on the device."""
        if not faces or len(faces) != len(driving):
            raise EngineFailed(f"{len(faces)} faces for {len(driving)} frames, one each is needed: a defect.")
        return self._points(driving)


def _rows(tensors: list[Tensor]) -> Tensor:
    """[n, ...] of n times [1, ...]. Frames of one face, as most batches are, share its memory."""
    if all(tensor is tensors[0] for tensor in tensors):
        return tensors[0].expand(len(tensors), *tensors[0].shape[1:])
    return torch.cat(tensors)
