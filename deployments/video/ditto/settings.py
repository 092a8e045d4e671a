"""Settings of the Ditto engine: how its face moves, how it is drawn, and on what. Light: no library but pydantic."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from deployments.video.ditto.face.settings import FaceSettings
from deployments.video.ditto.motion.settings import MotionSettings
from deployments.video.ditto.runtimes.settings import RuntimeSettings
from deployments.video.encoding_settings import EncodingSettings, EvenPixels

PRESETS = {"small": (256, 384), "medium": (384, 578), "large": (512, 768)}
"""Canvases (width, height) in pixels that are tried: 384x578 is the usual 384x579 made even."""


class DittoWeights(BaseModel):
    """Names of the weight sets that the engine loads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    networks: str = Field("ditto-pytorch", min_length=1, description="The published networks, as torch checkpoints.")
    hearing: str = Field("ditto-hubert", min_length=1, description="HuBERT, as ONNX.")
    landmarks: str = Field("ditto-landmarks", min_length=1, description="The network of 203 landmarks, as ONNX.")
    insightface: str = Field(
        "ditto-insightface", min_length=1, description="InsightFace's networks, where face.detector names them."
    )
    published: str | None = Field(
        "ditto-config",
        description="The published configuration: the reference face that motion is made for, blinks, and the bounds "
        "of motion. Null: the photo itself is the reference, and eyes do not blink.",
    )


class DittoSettings(BaseModel):
    """The Ditto engine: one photo, a motion diffusion model and a neural renderer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame_width: EvenPixels = Field(384, ge=128, le=1920, description="Width of the video in pixels, even.")
    frame_height: EvenPixels = Field(578, ge=128, le=1920, description="Height of the video in pixels, even.")
    motion: MotionSettings = Field(MotionSettings(), description="How the face moves.")
    face: FaceSettings = Field(FaceSettings(), description="How an enrolled face is found and framed.")
    runtime: RuntimeSettings = Field(RuntimeSettings(), description="What the networks run on.")
    encoding: EncodingSettings = Field(EncodingSettings(), description="How pictures are compressed.")
    weights: DittoWeights = Field(DittoWeights(), description="What is loaded.")
    avatars_kept: int = Field(
        8, ge=1, le=256, description="Avatars kept ready on the device; the least recently used one goes."
    )
    warm_avatars: tuple[str, ...] = Field(
        ("grace_hopper",), description="Built-in avatars that are enrolled before the first request."
    )
    saturated_steps: int = Field(
        5,
        ge=2,
        le=50,
        description="Diffusion steps of a window while the motion model is what cannot keep up; fewer than usual.",
    )

    @model_validator(mode="after")
    def _fewer(self) -> Self:
        if self.saturated_steps >= self.motion.diffusion_steps:
            raise ValueError(f"saturated_steps must be fewer than the usual {self.motion.diffusion_steps}")
        return self

    @property
    def weight_sets(self) -> tuple[str, ...]:
        """Names of the weight sets that these settings load."""
        names = self.weights
        wanted = [names.networks, names.hearing, names.landmarks, names.published]
        if self.face.detector == "insightface":
            wanted.append(names.insightface)
        return tuple(name for name in wanted if name is not None)

    @property
    def frame_size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.frame_width, self.frame_height
