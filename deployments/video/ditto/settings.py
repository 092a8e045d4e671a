"""Settings of the Ditto engine: how its face moves, how it is drawn, and on what."""

from pydantic import BaseModel, ConfigDict, Field, field_validator

from deployments.video.ditto.runtimes.settings import RuntimeSettings
from deployments.video.encoding_settings import EncodingSettings

PRESETS = {"small": (256, 384), "medium": (384, 578), "large": (512, 768)}
"""Canvases (width, height) in pixels that are tried: 384x578 is the usual 384x579 made even."""


class DittoSettings(BaseModel):
    """The Ditto engine: one photo, a motion diffusion model and a neural renderer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame_width: int = Field(384, ge=128, le=1920, description="Width of the video in pixels, even.")
    frame_height: int = Field(578, ge=128, le=1920, description="Height of the video in pixels, even.")
    runtime: RuntimeSettings = Field(RuntimeSettings(), description="What the networks run on.")
    encoding: EncodingSettings = Field(EncodingSettings(), description="How pictures are compressed.")
    avatars_kept: int = Field(
        8, ge=1, le=256, description="Avatars kept ready on the device; the least recently used one goes."
    )
    warm_avatars: tuple[str, ...] = Field(
        ("grace_hopper",), description="Built-in avatars that are enrolled before the first request."
    )
    steps_when_saturated: int = Field(
        5,
        ge=2,
        le=50,
        description="Diffusion steps while load falls mostly on the motion model; never more than it usually takes.",
    )

    @field_validator("frame_width", "frame_height")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even: H.264 halves the colour planes")
        return value

    @property
    def frame_size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.frame_width, self.frame_height
