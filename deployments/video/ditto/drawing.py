"""Groups of driven frames to pictures: stitched, warped, decoded and put back, on the device all the way.

Groups of several streams share a batch. Two groups of one stream never do, so that a stream alone is always drawn in
batches of the same shapes, however its audio was cut.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from deployments.contracts import Float32
from deployments.video.ditto.blending import Plan, blend, blend_fields, joined, plan
from deployments.video.ditto.face.compositing import Compositor, Scene
from deployments.video.ditto.stopwatch import Mark, stopwatch
from deployments.video.ditto.types import Fields, Identity, Renderer, Stitcher
from deployments.video.quality import HALF_FIELDS, HALF_FRAMES

Owner = TypeVar("Owner")


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One avatar, ready to be drawn. `points`: float32 [21, 3], its own keypoints x_s, on the host."""

    identity: Identity
    scene: Scene
    points: Float32


@dataclass(frozen=True, slots=True, eq=False)
class Group(Generic[Owner]):
    """Frames [first, first + n) of one stream. `points`: float32 [n, 21, 3], driving keypoints."""

    owner: Owner
    first: int
    points: Float32
    face: Face
    rung: int

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn(Generic[Owner]):
    """Pictures of one batch, on the device or on their way to the host: uint8 [frames of all groups, 3h/2, w], NV12.
    They are there once `composed` has passed."""

    groups: Sequence[Group[Owner]]
    pictures: torch.Tensor
    began: Mark
    rendered: Mark
    composed: Mark

    def seconds(self) -> dict[str, float]:
        """Of the batch, by part. Waits for the device."""
        return {"render": self.rendered.since(self.began), "composite": self.composed.since(self.rendered)}

    def parts(self) -> Iterator[tuple[Group[Owner], list[Any]]]:
        """Each group with its pictures: uint8 [3h/2, w], arrays on the host or tensors on the card. Waits for the
        device."""
        self.composed.wait()
        found = list(self.pictures.numpy() if self.pictures.device.type == "cpu" else self.pictures)
        for group in self.groups:
            yield group, found[: len(group)]
            found = found[len(group) :]


class Painter:
    """Draws groups, `max_batch_frames` frames at a time."""

    def __init__(
        self,
        renderer: Renderer,
        stitcher: Stitcher | None,
        compositor: Compositor,
        device: torch.device,
        max_batch_frames: int,
        to_host: bool,
    ) -> None:
        """Without a `stitcher` the driving keypoints are used as they are. `to_host`: whether pictures leave the device
        before they are encoded."""
        self._renderer, self._stitcher, self._compositor = renderer, stitcher, compositor
        self._most, self._to_host = max_batch_frames, to_host
        self._mark = stopwatch(device)

    def stitch(self, group: Group[Owner]) -> Group[Owner]:
        """With its points stitched. A group at a time: a linear layer's last bits follow the number of its rows. Before
        anything is drawn, since the host waits for its result and would wait for the drawing before it too."""
        if self._stitcher is None:
            return group
        source = np.repeat(group.face.points[None], len(group), axis=0)
        return replace(group, points=self._stitcher.stitch(source, group.points))

    def draw(self, groups: Sequence[Group[Owner]]) -> Drawn[Owner]:
        """One batch of stitched groups: of different streams, or one."""
        began = self._mark()
        faces = [group.face for group in groups for _ in range(len(group))]
        driving = np.concatenate([group.points for group in groups])
        fields = joined([plan(len(group), group.rung >= HALF_FIELDS) for group in groups])
        frames = joined([plan(len(group), group.rung >= HALF_FRAMES) for group in groups])
        with torch.inference_mode():
            found = blend(self._faces(faces, driving, fields, frames), frames)
            rendered = self._mark()
            composed = self._compositor.compose([face.scene for face in faces], found, "nv12")
            pictures = _to_host(composed) if self._to_host else composed
        return Drawn(groups, pictures, began, rendered, self._mark())

    def _faces(self, faces: Sequence[Face], driving: Float32, fields: Plan, frames: Plan) -> torch.Tensor:
        """[places of `frames` made, 3, pixels, pixels]; every place that `fields` makes is among those."""
        found = [self._renderer.fields(*_of(faces, driving, places)) for places in self._batches(fields.made)]
        where = blend_fields(_together(found), fields.at(frames.made))
        pictures, done = [], 0
        for places in self._batches(frames.made):
            here = Fields(*(part[done : done + len(places)] for part in (where.mask, where.occlusion)))
            pictures.append(self._renderer.frames(*_of(faces, driving, places), here))
            done += len(places)
        return pictures[0] if len(pictures) == 1 else torch.cat(pictures)

    def _batches(self, places: Sequence[int]) -> Iterator[list[int]]:
        for start in range(0, len(places), self._most):
            yield list(places[start : start + self._most])


def shared(groups: Sequence[Group[Owner]], most_frames: int) -> list[list[Group[Owner]]]:
    """Batches of groups in order: as many as fit `most_frames`, at least one, and no two of one owner. A stream's
    groups stay in their order."""
    batches: list[list[Group[Owner]]] = []
    waiting = list(groups)
    while waiting:
        batch: list[Group[Owner]] = []
        later: list[Group[Owner]] = []
        for group in waiting:
            size = sum(map(len, batch)) + len(group)
            taken = any(other.owner is group.owner for other in (*batch, *later))
            (later if taken or (batch and size > most_frames) else batch).append(group)
        batches.append(batch)
        waiting = later
    return batches


def _to_host(pictures: torch.Tensor) -> torch.Tensor:
    """Begun, not waited for: the host goes on to the next batch while this one is computed and copied."""
    if pictures.device.type == "cpu":
        return pictures
    host = torch.empty(pictures.shape, dtype=pictures.dtype, pin_memory=True)
    return host.copy_(pictures, non_blocking=True)


def _of(faces: Sequence[Face], driving: Float32, places: list[int]) -> tuple[list[Identity], Float32]:
    return [faces[place].identity for place in places], driving[places]


def _together(found: Sequence[Fields]) -> Fields:
    if len(found) == 1:
        return found[0]
    return Fields(torch.cat([each.mask for each in found]), torch.cat([each.occlusion for each in found]))
