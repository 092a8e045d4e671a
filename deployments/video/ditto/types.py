"""What travels between the parts of the Ditto engine, and what each part is. Small things are numpy on the host;
pictures and volumes are torch tensors and stay on the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from deployments.contracts import Float32
from deployments.video.ditto.sizes import ANGLE_BINS, MOTION_DIMS, Sizes

_BOUNDS = np.cumsum([1, ANGLE_BINS, ANGLE_BINS, ANGLE_BINS, 3])


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """n frames of motion, as M reads it from a picture and LMDM predicts it (spec: the 265-d vector).

    All float32. `scale` [n, 1]; `pitch`, `yaw`, `roll` [n, 66] raw logits of bins of 3 degrees; `t` [n, 3];
    `exp` [n, 63], 21 points of 3; `kp` [n, 63], the canonical points, which M alone gives.
    """

    scale: Float32
    pitch: Float32
    yaw: Float32
    roll: Float32
    t: Float32
    exp: Float32
    kp: Float32 | None = None

    @classmethod
    def from_vectors(cls, vectors: Float32) -> "Motion":
        """From float32 [n, 265]; the first number of each is scale - 1."""
        scale, pitch, yaw, roll, t, exp = np.split(vectors, _BOUNDS, axis=1)
        return cls(scale + np.float32(1), pitch, yaw, roll, t, exp)

    def vectors(self) -> Float32:
        """float32 [n, 265]."""
        parts = (self.scale - np.float32(1), self.pitch, self.yaw, self.roll, self.t, self.exp)
        found = np.concatenate(parts, axis=1).astype(np.float32, copy=False)
        assert found.shape[1] == MOTION_DIMS
        return found

    def rows(self, start: int, end: int) -> "Motion":
        """Frames [start, end)."""
        cut = slice(start, end)
        kp = None if self.kp is None else self.kp[cut]
        angles = (self.pitch[cut], self.yaw[cut], self.roll[cut])
        return Motion(self.scale[cut], *angles, self.t[cut], self.exp[cut], kp)


@dataclass(frozen=True, slots=True, eq=False)
class Identity:
    """What W needs of one face, computed once. Tensors on the device, in the renderer's precision.

    `feature`: [1, volume_channels, depth, grid, grid], F's volume. `compressed`: [1, compressed_channels, depth,
    grid, grid]. `points`: float32 [1, 21, 3], the source keypoints x_s. `heat`: [1, 21, depth, grid, grid], the
    source's heatmaps.
    """

    feature: torch.Tensor
    compressed: torch.Tensor
    points: torch.Tensor
    heat: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """Where W takes each part of a frame from. `mask`: [n, 22, depth, grid, grid], sums to one over the 22 motions;
    `occlusion`: [n, 1, grid, grid] in 0..1."""

    mask: torch.Tensor
    occlusion: torch.Tensor


class Hearer(Protocol):
    """HuBERT: sound to features at 50 a second."""

    def features(self, windows: Float32) -> Float32:
        """float32 [b, 20, 1024] of float32 [b, 6480] at 16 kHz. Row b does not depend on the others."""
        ...


class Diffuser(Protocol):
    """LMDM with its sampler: conditions to motion."""

    def sample(self, conditions: Float32, first: Float32, noise: Float32) -> Float32:
        """float32 [b, 80, 265] of conditions [b, 80, 1103], the conditioning motion `first` [b, 265] and the noise
        [steps, b, 80, 265]: its first entry is x_T, the others are added by the steps. As many steps as entries."""
        ...


class Stitcher(Protocol):
    """S: driving keypoints moved so that the face joins its neck."""

    def stitch(self, source: Float32, driving: Float32) -> Float32:
        """float32 [n, 21, 3] of source [n, 21, 3] and driving [n, 21, 3]."""
        ...


class Renderer(Protocol):
    """W and G. Frames of several faces may share a batch: one identity a frame. Frame k of a batch is what the same
    frame is alone."""

    sizes: Sizes

    def identity(self, feature: torch.Tensor, points: Float32) -> Identity:
        """The constants of one face. `feature`: F's volume [1, c, d, g, g]; `points`: float32 [1, 21, 3]."""
        ...

    def fields(self, faces: Sequence[Identity], driving: Float32) -> Fields:
        """W's motion network. `driving`: float32 [n, 21, 3], one row a face."""
        ...

    def frames(self, faces: Sequence[Identity], driving: Float32, where: Fields) -> torch.Tensor:
        """The faces: [n, 3, 8·grid, 8·grid] RGB in 0..1, on the device, in the renderer's precision."""
        ...


class FaceNetworks(Protocol):
    """F and M, which see a photo once."""

    def appearance(self, picture: Float32) -> torch.Tensor:
        """F: [1, c, d, g, g] on the device. `picture`: float32 [1, 3, 4·grid, 4·grid] RGB in 0..1."""
        ...

    def motion(self, picture: Float32) -> Motion:
        """M, with `kp`. `picture`: float32 [1, 3, 256, 256] RGB in 0..1."""
        ...
