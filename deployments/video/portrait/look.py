"""How the portrait is drawn: the renderer's settings."""

from pydantic import BaseModel, ConfigDict, Field


class Look(BaseModel):
    """Knobs of the renderer. The defaults are what was judged by eye on several photos."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    aperture_soft: float = Field(
        0.045, ge=0, le=0.2, description="Openings below this share of the mouth width are eased to nothing."
    )
