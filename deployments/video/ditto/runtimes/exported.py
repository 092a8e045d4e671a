"""Ditto's parts over exported graphs, in whichever runtime runs them. A row of a batch is what it would be alone."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from deployments.contracts import Float32
from deployments.video.ditto import sampler
from deployments.video.ditto.runtimes.graphs import Runner
from deployments.video.ditto.sizes import Sizes
from deployments.video.ditto.types import Fields, Identity, Motion


class ExportedRenderer:
    """Implements types.Renderer over the graphs identity, fields, tail and decoder."""

    def __init__(self, sizes: Sizes, runners: Mapping[str, Runner], max_batch: int, device: torch.device) -> None:
        """`max_batch`: most frames that the runners take at once; more are made in several goes."""
        self.sizes = sizes
        self._runners = runners
        self._max_batch = max_batch
        self._device = device

    def identity(self, feature: Tensor, points: Float32) -> Identity:
        """The constants of one face, as types.Renderer says."""
        placed = self._host(points)
        compressed, heat = self._runners["identity"](feature.to(self._device), placed)
        return Identity(feature.to(self._device, compressed.dtype), compressed, placed, heat)

    def fields(self, faces: Sequence[Identity], driving: Float32) -> Fields:
        """W's motion network, as types.Renderer says."""
        masks, occlusions = [], []
        for part in self._parts(len(faces)):
            some = faces[part]
            inputs = (_rows([face.compressed for face in some]), _rows([face.heat for face in some]))
            mask, occlusion = self._runners["fields"](*inputs, self._sources(some), self._host(driving[part]))
            masks.append(mask)
            occlusions.append(occlusion)
        return Fields(torch.cat(masks), torch.cat(occlusions))

    def frames(self, faces: Sequence[Identity], driving: Float32, where: Fields) -> Tensor:
        """The faces, as types.Renderer says."""
        made = []
        for part in self._parts(len(faces)):
            some = faces[part]
            feature = _rows([face.feature for face in some])
            points = (self._sources(some), self._host(driving[part]))
            (warped,) = self._runners["tail"](feature, *points, where.mask[part], where.occlusion[part])
            made.append(self._runners["decoder"](warped)[0])
        return torch.cat(made)

    def _parts(self, count: int) -> list[slice]:
        return [slice(start, start + self._max_batch) for start in range(0, count, self._max_batch)]

    def _sources(self, faces: Sequence[Identity]) -> Tensor:
        return _rows([face.points for face in faces])

    def _host(self, points: Float32) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(points, np.float32)).to(self._device)


class ExportedDiffuser:
    """Implements types.Diffuser over the graph diffusion, which is one guided step."""

    def __init__(self, runner: Runner, max_batch: int, device: torch.device) -> None:
        self._runner = runner
        self._max_batch = max_batch
        self._device = device

    def sample(self, conditions: Float32, first: Float32, noise: Float32) -> Float32:
        """As types.Diffuser says. Raises EngineFailed where the shapes do not fit each other."""
        sampler.check_window(conditions, first, noise)
        rows = range(0, len(conditions), self._max_batch)
        parts = [slice(start, start + self._max_batch) for start in rows]
        return np.concatenate([self._window(conditions[p], first[p], noise[:, p]) for p in parts])

    def _window(self, conditions: Float32, first: Float32, noise: Float32) -> Float32:
        times = sampler.times(len(noise))
        given, start, drawn = (
            torch.from_numpy(np.ascontiguousarray(array)).to(self._device) for array in (conditions, first, noise)
        )

        def predict(step: int, x: Tensor) -> Tensor:
            asked = torch.full((len(x),), times[step], dtype=torch.int64, device=self._device)
            return self._runner(x, start, given, asked)[0]

        found: Float32 = sampler.denoise(predict, drawn).cpu().numpy()
        return found


class ExportedStitcher:
    """Implements types.Stitcher over the graph stitch."""

    def __init__(self, runner: Runner, max_batch: int) -> None:
        self._runner = runner
        self._max_batch = max_batch

    def stitch(self, source: Float32, driving: Float32) -> Float32:
        """As types.Stitcher says."""
        made = []
        for start in range(0, len(driving), self._max_batch):
            part = slice(start, start + self._max_batch)
            points = (torch.from_numpy(np.ascontiguousarray(array[part], np.float32)) for array in (source, driving))
            made.append(self._runner(*points)[0].cpu().numpy())
        found: Float32 = np.concatenate(made)
        return found


class ExportedFaceNetworks:
    """Implements types.FaceNetworks over the graphs appearance and motion."""

    def __init__(self, appearance: Runner, motion: Runner) -> None:
        self._appearance = appearance
        self._motion = motion

    def appearance(self, picture: Float32) -> Tensor:
        """F, as types.FaceNetworks says."""
        return self._appearance(torch.from_numpy(picture))[0]

    def motion(self, picture: Float32) -> Motion:
        """M, as types.FaceNetworks says."""
        heads = (found.cpu().numpy() for found in self._motion(torch.from_numpy(picture)))
        pitch, yaw, roll, t, exp, scale, kp = heads
        return Motion(scale, pitch, yaw, roll, t, exp, kp)


def _rows(tensors: Sequence[Tensor]) -> Tensor:
    """One row a frame. Frames of one face, which is the usual case, share its memory until the runtime copies it."""
    if all(tensor is tensors[0] for tensor in tensors):
        return tensors[0].expand(len(tensors), *[-1] * (tensors[0].ndim - 1))
    return torch.cat(list(tensors))
