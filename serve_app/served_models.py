"""What the stages run, by name: what `/v1/models` lists and the answers of the OpenAI-shaped routes carry."""

from pydantic import BaseModel, ConfigDict, Field

REALTIME = "realtime-avatar"
"""All stages together, as the realtime socket is one model to its clients."""


class ServedModels(BaseModel):
    """Set by the application from its stages' settings; to be named here only where clients shall see other names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hearing: str = Field("whisper-base", min_length=1, description="speech to text")
    thinking: str = Field("qwen2.5-coder-0.5b-instruct", min_length=1, description="text to text")
    speaking: str = Field("kokoro-v1.0-int8", min_length=1, description="text to speech")
    showing: str = Field("portrait", min_length=1, description="speech and a photo to a talking video")

    def ids(self) -> tuple[str, ...]:
        """Each once, the whole first."""
        return tuple(dict.fromkeys((REALTIME, self.thinking, self.hearing, self.speaking, self.showing)))
