"""InsightFace's detector SCRFD-10G. Its pretrained weights are for non-commercial research only."""

from pathlib import Path

import cv2
import numpy as np

from deployments.contracts import Float32, Image
from deployments.errors import EngineFailed
from deployments.video.ditto.face.graphs import Graph
from deployments.video.sampling import resized

INPUT_SIDE = 512
STRIDES = (8, 16, 32)
ANCHORS_PER_CELL = 2
OVERLAP_MAX = 0.4
"""Intersection over union above which the less sure of two boxes goes (spec 1.9)."""


def anchors(stride: int) -> Float32:
    """float32 [cells * 2, 2]: x and y of a stride's anchors in input pixels, row by row, each twice."""
    ticks = np.arange(INPUT_SIDE // stride, dtype=np.float32) * np.float32(stride)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    return np.repeat(grid, ANCHORS_PER_CELL, axis=0)


def suppressed(boxes: Float32, scores: Float32) -> list[int]:
    """Indices of the boxes that stay, surest first. `boxes`: float32 [n, 4] left, top, right, bottom, taken to hold
    their last pixel: sides are one longer than the difference (the published convention)."""
    areas = (boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        first, rest = int(order[0]), order[1:]
        kept.append(first)
        low = np.maximum(boxes[first, :2], boxes[rest, :2])
        high = np.minimum(boxes[first, 2:], boxes[rest, 2:])
        common = np.prod(np.maximum(high - low + 1, 0), axis=1)
        order = rest[common / (areas[first] + areas[rest] - common) <= OVERLAP_MAX]
    return kept


class Scrfd:
    """The network, on the CPU."""

    def __init__(self, path: Path, threads: int, score_min: float) -> None:
        """Raises WeightsMissing, and EngineFailed for a file that is no graph."""
        self._graph = Graph(path, threads)
        self._score_min = score_min

    def largest(self, photo: Image) -> Float32 | None:
        """float32 [4], left, top, right and bottom of the largest face in photo pixels; None where there is none.

        `photo`: uint8 [h, w, 3] BGR. The published pipeline swaps the colours twice, so that the network sees BGR;
        so does this.
        """
        tensor, zoom = _letterbox(photo)
        outputs = self._graph.run(tensor)
        if len(outputs) < 2 * len(STRIDES):
            raise EngineFailed("The face detector gave too few outputs: it is not SCRFD.")
        boxes, scores = [], []
        for place, stride in enumerate(STRIDES):
            score, reach = outputs[place].reshape(-1), outputs[place + len(STRIDES)].reshape(-1, 4) * np.float32(stride)
            centres = anchors(stride)
            if len(score) != len(centres):
                raise EngineFailed(f"The face detector gave {len(score)} scores at stride {stride}: it is not SCRFD.")
            sure = score >= self._score_min
            boxes.append(np.hstack([centres[sure] - reach[sure, :2], centres[sure] + reach[sure, 2:]]))
            scores.append(score[sure])
        found = np.asarray(np.concatenate(boxes) / zoom, np.float32)
        if not len(found):
            return None
        found = found[suppressed(found, np.concatenate(scores))]
        largest: Float32 = found[np.argmax((found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1]))]
        return largest


def _letterbox(photo: Image) -> tuple[Float32, float]:
    """The network's input, float32 [1, 3, 512, 512] about -1..1, the photo in its upper left corner; and the input's
    pixels per photo pixel."""
    height, width = photo.shape[:2]
    tall = height > width
    size = (int(INPUT_SIDE * width / height), INPUT_SIDE) if tall else (INPUT_SIDE, int(INPUT_SIDE * height / width))
    size = (max(1, size[0]), max(1, size[1]))
    square = np.zeros((INPUT_SIDE, INPUT_SIDE, 3), np.uint8)
    square[: size[1], : size[0]] = resized(photo, size, cv2.INTER_LINEAR)
    tensor = (square.astype(np.float32) - np.float32(127.5)) / np.float32(128)
    return np.ascontiguousarray(tensor.transpose(2, 0, 1)[None]), size[1] / height
