"""How Ditto finds a face and how it stands in the picture. Light: no library but pydantic."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class FaceSettings(BaseModel):
    """From the photo to the crop that the networks see, and to the canvas it is shown on. All of it is settled when an
    avatar is enrolled; stored avatars keep what they were enrolled with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detector: Literal["mesh", "insightface"] = Field(
        "mesh",
        description="What finds the face for the first crop. mesh: BlazeFace and FaceMesh (Apache-2.0). insightface: "
        "SCRFD and the 106 landmarks, as published; InsightFace's pretrained models are licensed for non-commercial "
        "research only, and using them is logged.",
    )
    detection_score_min: float = Field(
        0.5, ge=0.05, le=0.99, description="How sure InsightFace's detector must be of a face, 0..1."
    )
    first_scale: float = Field(
        1.5, ge=1.0, le=4.0, description="Side of the first crop, of 224 pixels, over the landmarks' bounding square."
    )
    first_rise: float = Field(
        -0.1, ge=-0.5, le=0.5, description="How far the first crop is moved towards the chin, over its side."
    )
    crop_scale: float = Field(
        2.3, ge=1.2, le=4.0, description="Side of the crop that is animated, over the landmarks' bounding square."
    )
    crop_rise: float = Field(
        -0.125, ge=-0.5, le=0.5, description="How far the animated crop is moved towards the chin, over its side."
    )
    crop_upright: bool = Field(True, description="Whether the animated crop is turned so that the face stands upright.")
    photo_side_max: int = Field(
        1920, ge=256, le=8192, description="Pixels of the photo's longer side at most; larger photos are reduced."
    )
    face_share: float = Field(
        0.46, ge=0.1, le=0.9, description="Width of the face over the canvas's width, where the photo allows it."
    )
    face_share_max: float = Field(
        0.7,
        ge=0.1,
        le=1.0,
        description="The same at most. A photo too narrow even for this has its edges continued, blurred.",
    )
    face_height: float = Field(
        0.44, ge=0.2, le=0.8, description="Where the middle of the face stands, over the canvas's height, from the top."
    )
    enlargement_max: float = Field(
        3.0,
        ge=1.0,
        le=8.0,
        description="Canvas pixels for one of the photo, at most: beyond it the face stays smaller than its share.",
    )
    threads: int = Field(1, ge=1, le=16, description="Compute threads of the networks that find the face.")
