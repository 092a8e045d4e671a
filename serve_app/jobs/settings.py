"""How jobs are queued, worked on and kept."""

from pydantic import BaseModel, ConfigDict, Field


class JobSettings(BaseModel):
    """Settings of the job queue and of its workers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(1, ge=0, description="jobs that one gateway works on at once; 0 leaves them to others")
