"""What the doors allow."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from serve_app.api_key import ApiKey, check_distinct
from serve_app.gateway.keys import KeyRing
from serve_app.media.settings import MediaLimits
from serve_app.served_models import ServedModels


class GatewaySettings(BaseModel):
    """Limits and access of the HTTP doors. The clocks are wall time in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)  # it holds secrets

    media: MediaLimits = Field(MediaLimits(), description="limits on uploaded sound and photos")
    models: ServedModels = Field(ServedModels(), description="names of what the stages run, where others shall be seen")
    max_json_bytes: int = Field(2**20, gt=0, description="largest JSON body, and largest text field of a form")
    body_timeout_seconds: float = Field(60, gt=0, description="time a client has to send its whole body")
    max_text_characters: int = Field(4000, gt=0, description="longest single text: a question or a script")
    max_messages: int = Field(1000, gt=0, description="messages a history may have")
    max_name_characters: int = Field(80, gt=0, description="longest name of an uploaded avatar or voice")
    max_uploads: int = Field(100, ge=0, description="uploaded avatars, and as many voices, that are kept at a time")
    retention_hours: float = Field(7 * 24, gt=0, description="uploaded faces and voices are deleted after this time")
    sweep_seconds: float = Field(600, gt=0, description="how often expired uploads are looked for")
    prepare_idle: bool = Field(
        False, description="make the default avatar's idle clip at start, so that the first visitor need not wait"
    )
    health_timeout_seconds: float = Field(5, gt=0, description="a stage that is silent for longer counts as down")
    cors_origins: tuple[str, ...] = Field((), description="web origins whose pages may call the doors; none by default")
    api_key: SecretStr | None = Field(
        None,
        description="the bearer key of the house, without limits of its own; AVATAR_API_KEY where none is given. "
        "All doors but /, /page/ and /health ask for a key; without any only this machine is served",
    )
    keys: tuple[ApiKey, ...] = Field((), description="further keys, each with a name and limits of its own")

    @model_validator(mode="after")
    def _distinct_keys(self) -> Self:
        check_distinct(self.api_key, self.keys)
        return self

    def key_ring(self) -> KeyRing:
        return KeyRing(self.api_key, self.keys)
