"""Where uploads live."""

from pydantic import BaseModel, ConfigDict, Field


class StoreSettings(BaseModel):
    """Settings of the store."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        default="~/.local/share/realtime-avatar/store",
        min_length=1,
        description="A folder, or any fsspec URL (s3://bucket/prefix, memory://name). Shared by all replicas.",
    )
    cache_megabytes: int = Field(
        default=64, ge=0, description="Upper bound of the blobs that one replica keeps in memory (10^6 bytes)."
    )
    revalidate_seconds: float = Field(
        default=30.0,
        ge=0,
        description="How long a replica may use a cached blob before it asks whether it was deleted.",
    )
