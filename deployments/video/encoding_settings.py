"""Settings of the encoder, which all video engines share."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even: H.264 halves the colour planes")
    return value


EvenPixels = Annotated[int, AfterValidator(_even)]
"""A side of a picture that can be encoded."""


class EncodingSettings(BaseModel):
    """How pictures are compressed. All of it shows in the bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: Literal["auto", "x264", "nvenc"] = Field(
        "auto",
        description="What makes H.264. x264: libx264, on the CPU. nvenc: the encoder of the NVIDIA card, or no start. "
        "auto: that one where the engine renders on such a card and its driver offers it, else x264.",
    )
    crf: float = Field(22.0, ge=10, le=40, description="x264's constant rate factor: lower is sharper and bigger.")
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = Field(
        "superfast", description="x264's preset: slower ones make smaller streams for more CPU."
    )
    nvenc_qp: int = Field(24, ge=10, le=45, description="NVENC's constant quantiser: lower is sharper and bigger.")
    nvenc_preset: Literal["p1", "p2", "p3", "p4", "p5", "p6", "p7"] = Field(
        "p3", description="NVENC's preset, p1 the fastest: higher ones make smaller streams and take longer."
    )
