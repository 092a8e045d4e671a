"""The animated face back in its picture, on the device, and only where the face's crop lies."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from deployments.contracts import Float32
from deployments.errors import EngineFailed
from deployments.video.ditto.face.avatar import CROP_PIXELS, DittoAvatar
from deployments.video.ditto.face.colour import nv12
from deployments.video.ditto.face.mask import feather

Layout = Literal["nv12", "bgr"]
"""nv12: uint8 [n, 3h/2, w], h rows of brightness, then h/2 of Cb and Cr by turns; BT.709, limited range. bgr: uint8
[n, h, w, 3]."""


@dataclass(frozen=True, slots=True)
class Box:
    """The part of a canvas that a crop can show in, in pixels. All four even."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One avatar's picture around its face, ready on the device. Made by Compositor.scene.

    `box`: what changes from frame to frame. The others hold one pixel more on each side of it, the neighbours that a
    colour of 4:2:0 reaches to (at the canvas's edge, the edge again): `grid` float32 [1, h, w, 2], where each pixel is
    read in the face, as grid_sample counts; `share` float32 [1, 1, h, w], 255 times how much of it is the face's;
    `behind` float32 [1, 3, h, w], the rest, RGB in 0..255. `still`: uint8, the whole canvas in each layout.
    """

    box: Box
    grid: torch.Tensor
    share: torch.Tensor
    behind: torch.Tensor
    still: dict[Layout, torch.Tensor]


class Compositor:
    """Puts faces into their pictures. All frames of one have the same canvas."""

    def __init__(self, canvas: tuple[int, int], device: torch.device) -> None:
        """`canvas`: (width, height) in pixels, both even."""
        self._canvas = canvas
        self._device = device

    def scene(self, avatar: DittoAvatar) -> Scene:
        """What never changes for an avatar. Raises EngineFailed where its canvas is another."""
        if avatar.canvas != self._canvas:
            stored, wanted = ("x".join(map(str, size)) for size in (avatar.canvas, self._canvas))
            raise EngineFailed(f"The stored avatar is made for {stored} pixels, not {wanted}. Enrol the photo again.")
        box = _box(avatar.placement, self._canvas)
        columns = np.clip(np.arange(box.left - 1, box.left + box.width + 1), 0, self._canvas[0] - 1)
        rows = np.clip(np.arange(box.top - 1, box.top + box.height + 1), 0, self._canvas[1] - 1)
        grid = _grid(avatar.placement, columns, rows)
        share = _read(torch.from_numpy(feather(CROP_PIXELS))[None, None], grid)
        picture = torch.from_numpy(avatar.background[:, :, ::-1].transpose(2, 0, 1).astype(np.float32))[None]
        behind = picture[:, :, torch.from_numpy(rows)[:, None], torch.from_numpy(columns)] * (1 - share)
        neighboured = torch.nn.functional.pad(picture, (1, 1, 1, 1), mode="replicate")
        still: dict[Layout, torch.Tensor] = {
            "nv12": nv12(neighboured)[0].to(self._device),
            "bgr": torch.from_numpy(np.ascontiguousarray(avatar.background)).to(self._device),
        }
        grid, share, behind = (part.to(self._device) for part in (grid, share * 255, behind))
        return Scene(box, grid, share, behind, still)

    def compose(self, scenes: Sequence[Scene], faces: torch.Tensor, layout: Layout = "nv12") -> torch.Tensor:
        """Frames on the device, one a face: `faces` [n, 3, s, s] RGB in 0..1, any float type and any s, `scenes` one
        for each. Frames of one scene are best neighbours. A frame does not depend on the others of the batch."""
        stills = [scene.still[layout] for scene in scenes]
        frames = torch.stack(stills) if stills else torch.empty(0, dtype=torch.uint8, device=self._device)
        for scene, part in _runs(scenes):
            seen = _read(faces[part].float(), scene.grid)
            mixed = seen * scene.share + scene.behind
            (self._put_nv12 if layout == "nv12" else self._put_bgr)(frames[part], scene.box, mixed)
        return frames

    def _put_nv12(self, frames: torch.Tensor, box: Box, mixed: torch.Tensor) -> None:
        made = nv12(mixed)
        below = self._canvas[1] + box.top // 2
        columns = slice(box.left, box.left + box.width)
        frames[:, box.top : box.top + box.height, columns] = made[:, : box.height]
        frames[:, below : below + box.height // 2, columns] = made[:, box.height :]

    def _put_bgr(self, frames: torch.Tensor, box: Box, mixed: torch.Tensor) -> None:
        made = mixed[:, :, 1:-1, 1:-1].round().to(torch.uint8).flip(1).permute(0, 2, 3, 1)
        frames[:, box.top : box.top + box.height, box.left : box.left + box.width] = made


def _runs(scenes: Sequence[Scene]) -> Iterator[tuple[Scene, slice]]:
    """Each stretch of frames that share a scene."""
    start = 0
    for _, run in itertools.groupby(scenes, key=id):
        count = len(list(run))
        yield scenes[start], slice(start, start + count)
        start += count


def _box(placement: Float32, canvas: tuple[int, int]) -> Box:
    """The crop's square on the canvas, widened to even sides and cut to the canvas; 2 x 2 pixels at least."""
    corners = np.array([[-1, -1], [CROP_PIXELS, -1], [CROP_PIXELS, CROP_PIXELS], [-1, CROP_PIXELS]], np.float64)
    placed = corners @ placement[:2, :2].astype(np.float64).T + placement[:2, 2]
    low, high = placed.min(0), placed.max(0)
    starts = [int(np.clip(np.floor(low[axis] / 2) * 2, 0, canvas[axis] - 2)) for axis in (0, 1)]
    ends = [int(np.clip(np.ceil((high[axis] + 1) / 2) * 2, starts[axis] + 2, canvas[axis])) for axis in (0, 1)]
    return Box(starts[0], starts[1], ends[0] - starts[0], ends[1] - starts[1])


def _grid(placement: Float32, columns: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> torch.Tensor:
    """float32 [1, h, w, 2]: where the canvas's pixels lie in the crop, -1..1 between its outermost edges."""
    back = np.linalg.inv(placement.astype(np.float64))
    x, y = np.meshgrid(columns, rows)
    across = back[0, 0] * x + back[0, 1] * y + back[0, 2]
    down = back[1, 0] * x + back[1, 1] * y + back[1, 2]
    where = (2 * np.stack([across, down], axis=-1) + 1) / CROP_PIXELS - 1
    return torch.from_numpy(where.astype(np.float32))[None]


def _read(pictures: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """float32 [n, c, h, w]: bilinear, nothing outside. Always in float32: half a grid is twentieths of a pixel."""
    where = grid.expand(len(pictures), -1, -1, -1)
    found: torch.Tensor = torch.nn.functional.grid_sample(
        pictures, where, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    return found
