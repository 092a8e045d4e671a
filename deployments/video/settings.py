"""Settings of the video stage: which engine animates, how its picture is made, how the stage is served."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from deployments.gpu.settings import GpuSettings
from deployments.video.ditto.settings import DittoSettings
from deployments.video.encoding_settings import EncodingSettings, EvenPixels
from deployments.video.ladder import LadderSettings
from deployments.video.portrait.look import Look
from deployments.video.portrait.motion import MotionSettings

__all__ = ["EncodingSettings", "PortraitSettings", "VideoSettings"]


class PortraitSettings(BaseModel):
    """The portrait engine: one photo, animated on a CPU."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame_width: EvenPixels = Field(384, ge=128, le=1280, description="Width of the video in pixels, even.")
    frame_height: EvenPixels = Field(578, ge=128, le=1280, description="Height of the video in pixels, even.")
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


class VideoSettings(BaseModel):
    """The video stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["portrait", "ditto"] = Field(
        "portrait", description="What animates the photo: portrait on a CPU, ditto with its networks on a GPU."
    )
    portrait: PortraitSettings = Field(PortraitSettings(), description="Settings of the portrait engine.")
    ditto: DittoSettings = Field(DittoSettings(), description="Settings of the Ditto engine.")
    ladder: LadderSettings = Field(
        LadderSettings(), description="When quality falls under load, in an engine that can spare work (ditto)."
    )
    gpu: GpuSettings = Field(GpuSettings(), description="What a replica promises of its card.")
    max_batch_steps: int = Field(
        4, ge=1, le=64, description="Steps of different streams that are handed to the engine together, if they wait."
    )
