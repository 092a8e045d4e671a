"""How many people are answered at once, and what is remembered for how long."""

from pydantic import BaseModel, ConfigDict, Field


class CoordinatorSettings(BaseModel):
    """Settings of admission and of resumable sessions. All times in seconds of wall time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_people: int = Field(4, ge=1, description="people answered at once, over all gateways")
