"""What the realtime socket allows, and how turns are taken on it."""

from pydantic import BaseModel, ConfigDict, Field


class RealtimeSettings(BaseModel):
    """Limits of the realtime socket. All times in seconds of wall time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_sessions: int = Field(64, ge=1, description="open sockets in one gateway; more are closed with 1013")
