"""Where weights live and how they may be fetched."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator


class WeightsSettings(BaseModel):
    """Settings of the weights cache and its sources."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cache_dir: Path = Field(
        default=Path("~/.cache/realtime-avatar/weights"),
        validate_default=True,
        description="Folder of the verified weights, laid out as <cache_dir>/<set>/<file>. A leading ~ is expanded.",
    )
    paths: dict[str, Path] = Field(
        default_factory=dict,
        description="Explicit folder of a weight set by name; it is verified like the cache and never written to.",
    )
    hub_url: str = Field(
        default="https://huggingface.co",
        description="Base address of the model hub, or of a mirror with the same paths.",
    )
    probe_seconds: float = Field(
        default=3.0, gt=0, description="Time within which the hub must answer; without an answer the registry is used."
    )
    offline: bool = Field(default=False, description="Never fetch anything; what is not in the cache is missing.")
    attempts: int = Field(default=3, ge=1, description="How often one download is tried before its source has failed.")

    @field_validator("cache_dir")
    @classmethod
    def _expand_cache_dir(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("paths")
    @classmethod
    def _expand_paths(cls, value: dict[str, Path]) -> dict[str, Path]:
        return {name: path.expanduser().absolute() for name, path in value.items()}
