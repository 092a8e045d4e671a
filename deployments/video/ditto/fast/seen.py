"""What W's hourglass sees: the face as each keypoint's motion alone would move it, and where keypoints come and go."""

import torch
from torch import Tensor

from deployments.video.ditto.fast.translate import gaussians, translated
from deployments.video.ditto.networks.geometry import KEYPOINT_VARIANCE


def see(compressed: Tensor, heat: Tensor, moved: Tensor, driving: Tensor, *, spare: int, fused: bool) -> Tensor:
    """[n, k·c + k-1 + spare, d, h, w]: the volume `compressed` [n, c, d, h, w] moved by each of k motions `moved`
    [n, k, 3], k-major; the heatmaps of the points `driving` [n, k-1, 3] less those of the source, `heat`
    [n, k-1, d, h, w]; zeros. Computed in float32, of the type of `compressed`. `fused`: by one kernel on a GPU."""
    if fused and compressed.is_cuda:
        from deployments.video.ditto.fast.seen_triton import see_fused

        return see_fused(compressed, heat, moved, driving, KEYPOINT_VARIANCE, spare)
    kind = compressed.dtype
    volumes = translated(compressed, moved).to(kind).transpose(2, 3).flatten(1, 2)
    driven = gaussians(driving, heat.shape[2], heat.shape[3], KEYPOINT_VARIANCE).to(kind)
    parts = [volumes, driven - heat]
    if spare:
        parts.append(torch.zeros_like(heat[:, :spare]))
    return torch.cat(parts, dim=1)
