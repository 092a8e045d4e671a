"""What clients may say in a body, a form or a query: strict models, unknown names refused."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from deployments.contracts import Message
from deployments.errors import TooLarge
from serve_app.gateway.errors_table import InvalidField
from serve_app.gateway.requests import parse, parse_json
from serve_app.gateway.settings import GatewaySettings


def _from_json(value: object) -> object:
    """Forms and queries carry lists as JSON text."""
    return parse_json(value, "history") if isinstance(value, str) else value


def _encodable(text: str) -> str:
    """JSON can name half a surrogate pair, which is no text: it could not even be sent back."""
    text.encode()
    return text


Text = Annotated[str, AfterValidator(_encodable)]
Identifier = Annotated[Text, Field(min_length=1, max_length=128)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")]


class _Fields(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MessageFields(_Fields):
    role: Literal["user", "assistant"]
    content: Text = Field(min_length=1)


History = Annotated[tuple[MessageFields, ...], BeforeValidator(_from_json)]


class TranscribeFields(_Fields):
    language: Language | None = None


class ChatFields(_Fields):
    """Either `messages`, of which the last is the user's, or `text`, a single question."""

    messages: tuple[MessageFields, ...] = ()
    text: Text | None = None
    language: Language | None = None
    stream: bool = False
    max_tokens: int | None = Field(None, ge=1, le=4096)


class SpokenFields(_Fields):
    """How an answer sounds and looks."""

    language: Language | None = None
    voice: Identifier | None = None
    avatar: Identifier | None = None
    seed: int = Field(0, ge=0, lt=2**32)
    paced: bool | None = None


class TurnFields(SpokenFields):
    """A turn of a conversation. `text` is what the person typed, where there is no audio."""

    text: Text | None = None
    history: History = ()


class GenerateFields(SpokenFields):
    """A text to be spoken as it is."""

    text: Text


class UploadFields(_Fields):
    """What comes with an uploaded face or voice. Without the person's consent it is not taken."""

    name: Text = ""
    consent: bool = False


def messages_of(history: tuple[MessageFields, ...], settings: GatewaySettings, field: str) -> tuple[Message, ...]:
    """Raises TooLarge for more messages than the settings allow."""
    if len(history) > settings.max_messages:
        raise TooLarge(f"{field}: at most {settings.max_messages} messages; {len(history)} were sent.")
    return tuple(Message(message.role, message.content) for message in history)


def said(text: str, settings: GatewaySettings, field: str = "text") -> str:
    """The text without surrounding blanks. Raises InvalidField for an empty one, TooLarge for a long one."""
    if len(text) > settings.max_text_characters:
        raise TooLarge(f"{field}: at most {settings.max_text_characters} characters; {len(text)} were sent.")
    if not text.strip():
        raise InvalidField(f"{field}: is empty.", field)
    return text.strip()


def upload_fields(fields: dict[str, object], settings: GatewaySettings) -> UploadFields:
    """The fields beside an uploaded file. Raises InvalidField for unknown ones, a long name, or without consent."""
    given = parse(UploadFields, fields)
    if len(given.name) > settings.max_name_characters:
        raise InvalidField(f"name: at most {settings.max_name_characters} characters.", "name")
    if not given.consent:
        raise InvalidField(
            "consent: send consent=true to say that the person whose face or voice it is agrees.", "consent"
        )
    return given
