"""How the portrait is drawn: the renderer's settings."""

from pydantic import BaseModel, ConfigDict, Field


class Look(BaseModel):
    """Knobs of the renderer. The defaults are what was judged by eye on several photos."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    aperture_soft: float = Field(
        0.045, ge=0, le=0.2, description="Openings below this share of the mouth width are eased to nothing."
    )
    unsmile: float = Field(1.0, ge=0, le=1.4, description="How far rounded vowels take back a smile in the photo.")
    teeth_brightness: float = Field(1.04, ge=0.3, le=1.2, description="Of painted teeth, over the photo's own white.")
    teeth_variety: float = Field(
        1.0, ge=0, le=3, description="How much painted teeth differ from tooth to tooth and photo to photo."
    )
    shading: float = Field(
        1.0, ge=0, le=2, description="Strength of the cheeks' and chin's shading as the mouth moves."
    )
    gaze: float = Field(
        0.55, ge=0, le=0.9, description="Farthest eye movement, as a share of the white beside the iris."
    )
    glasses_blink: float = Field(0.75, ge=0, le=1, description="How far eyes behind glasses shut in a blink.")
