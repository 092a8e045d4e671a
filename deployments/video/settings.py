"""Settings of the video stage: which engine animates, how its picture is made, how the stage is served."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from deployments.gpu.settings import GpuSettings
from deployments.video.portrait.look import Look
from deployments.video.portrait.motion import MotionSettings


class EncodingSettings(BaseModel):
    """How pictures are compressed. All of it shows in the bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crf: float = Field(22.0, ge=10, le=40, description="x264's constant rate factor: lower is sharper and bigger.")
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = Field(
        "superfast", description="x264's preset: slower ones make smaller streams for more CPU."
    )


class PortraitSettings(BaseModel):
    """The portrait engine: one photo, animated on a CPU."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame_width: int = Field(384, ge=128, le=1280, description="Width of the video in pixels, even.")
    frame_height: int = Field(578, ge=128, le=1280, description="Height of the video in pixels, even.")
    threads: int = Field(1, ge=1, le=16, description="Threads of the mouth network, the face finder and OpenCV.")
    renderers_kept: int = Field(
        8, ge=1, le=256, description="Avatars kept ready to draw, about 20 MB each; the least recently used one goes."
    )
    warm_avatars: tuple[str, ...] = Field(
        ("grace_hopper", "astronaut"), description="Built-in avatars that are made ready before the first request."
    )
    encoding: EncodingSettings = Field(EncodingSettings(), description="How pictures are compressed.")
    motion: MotionSettings = Field(MotionSettings(), description="How lively the face is.")
    look: Look = Field(Look(), description="How the face is drawn.")

    @field_validator("frame_width", "frame_height")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even: H.264 halves the colour planes")
        return value


class VideoSettings(BaseModel):
    """The video stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["portrait"] = Field("portrait", description="What animates the photo.")
    portrait: PortraitSettings = Field(PortraitSettings(), description="Settings of the portrait engine.")
    gpu: GpuSettings = Field(GpuSettings(), description="What a replica promises of its card.")
    max_batch_steps: int = Field(
        4, ge=1, le=64, description="Steps of different streams that are handed to the engine together, if they wait."
    )
