"""F, M and S in torch behind the interfaces that the engine uses them through."""

import torch

from deployments.contracts import Float32
from deployments.errors import EngineFailed
from deployments.video.ditto.networks.appearance import Appearance
from deployments.video.ditto.networks.motion import MOTION_PIXELS, Heads, MotionExtractor
from deployments.video.ditto.networks.stitch import Stitch
from deployments.video.ditto.sizes import POINTS
from deployments.video.ditto.types import Motion


class TorchFaces:
    """Implements types.FaceNetworks."""

    def __init__(
        self,
        appearance: Appearance,
        motion: MotionExtractor,
        device: torch.device | str = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> None:
        """`precision`: of the volumes that are given out. The networks themselves, which see a photo once, compute in
        single precision."""
        self._device = torch.device(device)
        self._precision = precision
        self._appearance = appearance.eval().requires_grad_(False).to(self._device)
        self._motion = motion.eval().requires_grad_(False).to(self._device)

    @torch.inference_mode()
    def appearance(self, picture: Float32) -> torch.Tensor:
        """[1, c, d, g, g] on the device of a picture float32 [1, 3, 4·g, 4·g], RGB in 0..1. Raises EngineFailed for
        another shape."""
        side = 4 * self._appearance.grid
        volume: torch.Tensor = self._appearance(self._checked(picture, side))
        return volume.to(self._precision)

    @torch.inference_mode()
    def motion(self, picture: Float32) -> Motion:
        """Motion of one frame, with `kp`, of a picture float32 [1, 3, 256, 256], RGB in 0..1. Raises EngineFailed for
        another shape."""
        heads: Heads = self._motion(self._checked(picture, MOTION_PIXELS))
        return Motion(**{name: value.float().cpu().numpy() for name, value in heads._asdict().items()})

    def _checked(self, picture: Float32, side: int) -> torch.Tensor:
        if picture.shape != (1, 3, side, side):
            raise EngineFailed(f"A face of [1, 3, {side}, {side}] was expected, not {list(picture.shape)}: a defect.")
        return torch.from_numpy(picture).to(self._device)


class TorchStitcher:
    """Implements types.Stitcher, in single precision."""

    def __init__(self, network: Stitch, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        self._network = network.eval().requires_grad_(False).to(self._device)

    @torch.inference_mode()
    def stitch(self, source: Float32, driving: Float32) -> Float32:
        """float32 [n, 21, 3] of source and driving [n, 21, 3]. Raises EngineFailed for other shapes."""
        if source.shape != driving.shape or driving.shape[1:] != (POINTS, 3):
            raise EngineFailed(f"Points {list(source.shape)} and {list(driving.shape)} cannot be stitched: a defect.")
        points = (torch.from_numpy(array).to(self._device) for array in (source, driving))
        found: Float32 = self._network(*points).cpu().numpy()
        return found
