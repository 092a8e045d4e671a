"""W as it serves: the published network folded and cut in three. 342 GFLOP a frame become 300.

`IdentityNet` sees a face once, `FieldsNet` says where a frame takes each part of it from (it may run at half rate), and
`WarpTail` takes them. What changes besides folded norms and transposed convolutions: the compressed volume and the
source's heatmaps are computed once a face; the 22 moved volumes are products of matrices (translate) or one kernel
(seen_triton); a heatmap that is always zero is left out of the hourglass; masks are a softmax, which a constant added
to all of them does not change, so that the first of 22 logits can be zero; and the 22 motions, all of them
translations, are summed before they are added to the grid.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deployments.video.ditto.fast.folds import bias_of, conv2d, conv3d, widened, with_norm
from deployments.video.ditto.fast.hourglass import FastHourglass
from deployments.video.ditto.fast.occlusion import Occlusion
from deployments.video.ditto.fast.sampling import Sampling, sampled
from deployments.video.ditto.fast.seen import see
from deployments.video.ditto.fast.translate import gaussians
from deployments.video.ditto.networks.geometry import KEYPOINT_VARIANCE, identity_grid
from deployments.video.ditto.networks.warp import MOTIONS, Warp
from deployments.video.ditto.sizes import POINTS


class IdentityNet(nn.Module):
    """The constants of a face: feature [n, c, d, g, g] and kp_source float32 [n, 21, 3] to the compressed volume
    [n, compressed_channels, d, g, g] and the source's heatmaps [n, 21, d, g, g], both of the weights' type."""

    def __init__(self, warp: Warp) -> None:
        super().__init__()
        motion = warp.dense_motion_network
        self.sizes = warp.sizes
        self.compress = conv3d(with_norm(motion.compress, motion.norm))

    def forward(self, feature: Tensor, kp_source: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        compressed = torch.relu(self.compress(feature))
        heat = gaussians(kp_source, self.sizes.depth, self.sizes.grid, KEYPOINT_VARIANCE)
        return compressed, heat.to(compressed.dtype)


def _multiple(count: int, of: int) -> int:
    return -(-count // of) * of


def _moved(kp_source: Tensor, kp_driving: Tensor) -> Tensor:
    """float32 [n, 21, 3]: where motions take their samples from, relative to where they go."""
    return kp_source.float() - kp_driving.float()


class FieldsNet(nn.Module):
    """W's motion network: compressed [n, c, d, g, g] and heat [n, 21, d, g, g] of IdentityNet, kp_source and kp_driving
    float32 [n, 21, 3], to mask [n, 22, d, g, g] and occlusion [n, 1, g, g], of the weights' type.

    `aligned`: channels inside are made a multiple of this by zeros. Tensor cores read eight at a time where channels
    are last in memory; volumes of 109 and 142 channels would have to be copied, or go to slower kernels. More
    operations are counted then, but tensor cores pad to that anyway. `fused`: see fast.seen.
    """

    def __init__(self, warp: Warp, *, aligned: int = 1, fused: bool = False) -> None:
        super().__init__()
        self.fused = fused
        motion, device = warp.dense_motion_network, warp.fourth.weight.device
        self.sizes = sizes = warp.sizes
        each = 1 + sizes.compressed_channels
        published = torch.arange(MOTIONS * each, device=device).view(MOTIONS, each)
        # Published: heatmap and moved channels of each motion in turn; here all moved channels, then 21 heatmaps.
        kept = torch.cat([published[:, 1:].flatten(), published[1:, 0]])
        inputs, channels = (_multiple(count, aligned) for count in (len(kept), motion.hourglass.channels))
        self.spare = inputs - len(kept)
        self.hourglass = FastHourglass(motion.hourglass, kept, inputs, channels)
        weight, bias = motion.mask.weight, bias_of(motion.mask)
        logits = (weight[1:] - weight[:1], bias[1:] - bias[:1])
        self.mask = conv3d(widened(logits, channels, _multiple(POINTS, aligned)))
        occlusion = (motion.occlusion.weight, bias_of(motion.occlusion))
        taps = _multiple(motion.occlusion.weight[0, 0].numel(), aligned)
        self.occlusion = Occlusion(occlusion, sizes.depth, channels, taps)

    def forward(self, compressed: Tensor, heat: Tensor, kp_source: Tensor, kp_driving: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        moved = F.pad(_moved(kp_source, kp_driving), (0, 0, 1, 0))
        seen = see(compressed, heat, moved, kp_driving.float(), spare=self.spare, fused=self.fused)
        prediction = self.hourglass(seen)
        logits = F.pad(self.mask(prediction)[:, :POINTS], (0, 0, 0, 0, 0, 0, 1, 0))
        return torch.softmax(logits, dim=1), self.occlusion(prediction)


class WarpTail(nn.Module):
    """Features moved: feature [n, c, d, g, g], kp_source and kp_driving float32 [n, 21, 3], mask [n, 22, d, g, g] and
    occlusion [n, 1, g, g] to [n, warped_channels, g, g], of the weights' type. `sampling`: see fast.sampling."""

    def __init__(self, warp: Warp, *, sampling: Sampling = "rank5") -> None:
        super().__init__()
        self.sizes, self.sampling = warp.sizes, sampling
        self.third = conv2d(with_norm(warp.third.conv, warp.third.norm))
        self.fourth = conv2d((warp.fourth.weight, bias_of(warp.fourth)))

    def forward(
        self, feature: Tensor, kp_source: Tensor, kp_driving: Tensor, mask: Tensor, occlusion: Tensor
    ) -> Tensor:
        """See the class."""
        where = self.deformation(kp_source, kp_driving, mask)
        moved = sampled(feature, where, self.sampling).to(feature.dtype)
        picture = F.leaky_relu(self.third(moved.flatten(1, 2)), 0.01)
        out: Tensor = self.fourth(picture) * occlusion
        return out

    def deformation(self, kp_source: Tensor, kp_driving: Tensor, mask: Tensor) -> Tensor:
        """float32 [n, d, g, g, 3]: where each cell is taken from."""
        depth, side = self.sizes.depth, self.sizes.grid
        moved = _moved(kp_source, kp_driving)
        mixed = mask[:, 1:].float().reshape(-1, POINTS, depth * side * side).transpose(1, 2) @ moved
        return identity_grid(depth, side, moved) + mixed.view(-1, depth, side, side, 3)
