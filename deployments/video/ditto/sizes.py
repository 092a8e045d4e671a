"""How wide Ditto's networks are. The published ones are `FULL`; `NARROW` has the same parts and is quick on a CPU."""

from dataclasses import dataclass

POINTS = 21
"""Implicit keypoints of a face."""
ANGLE_BINS = 66
"""Logits an angle is predicted with."""
MOTION_DIMS = 265
"""Of one frame's motion: scale, three angles of 66 logits, translation 3, expression 63."""
WINDOW_FRAMES = 80
"""Frames the motion model predicts at once."""
FEATURE_DIMS = 1024
"""HuBERT's features of one frame."""
CONDITION_DIMS = 1103
"""What a frame's motion is conditioned on: features 1024, emotion 8, eyes open 2, eyeballs 6, canonical points 63."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths of the networks F (appearance), M (motion), W (warp), G (decoder), S (stitch) and LMDM (diffusion).

    A face's feature volume is [volume_channels, depth, grid, grid]; F sees 4·grid pixels a side, G makes 8·grid.
    """

    grid: int = 64
    depth: int = 16
    volume_channels: int = 32
    appearance_width: int = 64
    compressed_channels: int = 4
    hourglass_width: int = 32
    hourglass_most: int = 1024
    hourglass_blocks: int = 5
    warped_channels: int = 256
    decoder_width: int = 512
    spade_width: int = 128
    middle_blocks: int = 6
    motion_depths: tuple[int, ...] = (3, 3, 9, 3)
    motion_widths: tuple[int, ...] = (96, 192, 384, 768)
    stitch_widths: tuple[int, ...] = (128, 128, 64)
    latent: int = 512
    feed_forward: int = 1024
    heads: int = 8
    decoder_layers: int = 8
    encoder_layers: int = 2

    @property
    def source_pixels(self) -> int:
        """Side of F's picture."""
        return 4 * self.grid

    @property
    def face_pixels(self) -> int:
        """Side of G's picture."""
        return 8 * self.grid


FULL = Sizes()
NARROW = Sizes(
    grid=16,
    depth=4,
    volume_channels=8,
    appearance_width=16,
    hourglass_width=8,
    hourglass_most=64,
    hourglass_blocks=3,
    warped_channels=32,
    decoder_width=64,
    spade_width=16,
    middle_blocks=2,
    motion_depths=(1, 1, 2, 1),
    motion_widths=(16, 32, 64, 128),
    latent=64,
    feed_forward=128,
    heads=4,
    decoder_layers=2,
    encoder_layers=1,
)
