"""What an upload may be. Everything is checked before the costly part of reading it."""

from pydantic import BaseModel, ConfigDict, Field


class MediaLimits(BaseModel):
    """Limits on uploads, and how large a photo is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_audio_bytes: int = Field(16_000_000, ge=1, description="Largest sound upload, as sent.")
    max_audio_seconds: float = Field(60.0, gt=0, description="Longest sound; decoding stops there.")
    min_audio_decoded: float = Field(
        0.9, ge=0, le=1, description="Share of the duration that a file declares below which it counts as truncated."
    )
    max_image_bytes: int = Field(20_000_000, ge=1, description="Largest photo upload, as sent.")
    max_image_pixels: int = Field(50_000_000, ge=1, description="Most pixels, read from the header before decoding.")
    min_image_side_pixels: int = Field(32, ge=1, description="Shortest side of a photo.")
    kept_image_side_pixels: int = Field(2048, ge=64, description="A photo's longer side is shrunk to this.")
