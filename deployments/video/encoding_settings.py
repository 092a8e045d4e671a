"""Settings of the encoder, which all video engines share."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EncodingSettings(BaseModel):
    """How pictures are compressed. All of it shows in the bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    crf: float = Field(22.0, ge=10, le=40, description="x264's constant rate factor: lower is sharper and bigger.")
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = Field(
        "superfast", description="x264's preset: slower ones make smaller streams for more CPU."
    )
