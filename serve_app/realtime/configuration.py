"""What a session is set to: the fields of OpenAI's session object that have a meaning here, and our own."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from serve_app.realtime.failures import InvalidEvent
from serve_app.realtime.hearing.settings import TurnDetection

Model = TypeVar("Model", bound=BaseModel)

NOT_OFFERED = ("extra_forbidden", "literal_error", "none_required", "too_long", "tuple_type", "model_type")
"""Kinds of pydantic errors that say: this is something that we do not do."""


def _encodable(text: str) -> str:
    text.encode()  # JSON can name half a surrogate pair, which is no text
    return text


def _length(value: object) -> object:
    if value == "inf" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096):
        return value
    raise ValueError('is a number from 1 to 4096, or "inf"')


def _voice(value: object) -> object:
    """A custom voice may come as an object with its id."""
    return value["id"] if isinstance(value, dict) and set(value) == {"id"} else value


Text = Annotated[str, AfterValidator(_encodable)]
MaxTokens = Annotated[Any, AfterValidator(_length)]
Modalities = tuple[Literal["audio", "text"]]
Voice = Annotated[Text, BeforeValidator(_voice), Field(min_length=1, max_length=128)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")]
Nothing = tuple[()]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputFormat(Part):
    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[16000, 24000, 48000] = 24000


class OutputFormat(Part):
    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000] = 24000


class Transcription(Part):
    """Any model's name is taken: there is one."""

    model: Text | None = None
    language: Language | None = None


class AudioInput(Part):
    format: InputFormat = InputFormat()
    transcription: Transcription | None = Transcription()
    turn_detection: TurnDetection | None = TurnDetection()
    noise_reduction: None = None


class AudioOutput(Part):
    format: OutputFormat = OutputFormat()
    voice: Voice = "default"
    speed: float = Field(1.0, ge=0.25, le=1.5)


class Audio(Part):
    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


class Avatar(Part):
    """The video extension. `id` None: the configured avatar. `language` None: that of what was said."""

    id: Annotated[Text, Field(min_length=1, max_length=128)] | None = None
    video: bool = False
    binary: bool = False
    language: Language | None = None


class Configuration(Part):
    """All of it. What has a single possible value is there because clients send it, and does nothing."""

    type: Literal["realtime"] = "realtime"
    model: Text = "realtime-avatar"
    output_modalities: Modalities = ("audio",)
    instructions: Text | None = None
    max_output_tokens: MaxTokens = "inf"
    audio: Audio = Audio()
    avatar: Avatar = Avatar()
    tools: Nothing | None = ()
    tool_choice: Literal["auto", "none"] = "auto"
    tracing: None = None
    truncation: Literal["auto"] = "auto"
    include: Nothing | None = None
    prompt: None = None
    reasoning: None = None

    def updated(self, fields: Mapping[str, object]) -> "Configuration":
        """With what a session.update names; the rest stays. Raises InvalidEvent, and nothing is changed."""
        if "model" in fields and fields["model"] != self.model:
            raise InvalidEvent(f"The model is {self.model!r} and stays so.", "unsupported", "session.model")
        return checked(Configuration, _merged(self.model_dump(mode="json"), fields), "session")


def checked(model: type[Model], fields: object, prefix: str) -> Model:
    """Strictly, as JSON. Raises InvalidEvent that names the first offender, `prefix` and its path."""
    try:
        return model.model_validate_json(json.dumps(fields), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        path = ".".join([prefix, *(str(part) for part in first["loc"])][not prefix :])[:200]
        if first["type"] == "extra_forbidden":
            raise InvalidEvent(f"{path} is not offered here.", "unsupported", path) from error
        code = "unsupported" if first["type"] in NOT_OFFERED else "invalid_field"
        raise InvalidEvent(f"{path}: {first['msg']}.", code, path) from error


def _merged(old: object, new: object) -> object:
    """Objects are merged field by field, all else is replaced."""
    if isinstance(old, dict) and isinstance(new, Mapping):
        return old | {name: _merged(old.get(name), value) for name, value in new.items()}
    return new
