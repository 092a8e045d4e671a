"""The messages of a chat completion: instructions first, then the conversation."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from deployments.contracts import Message
from deployments.errors import TooLarge
from serve_app.gateway.errors_table import InvalidField
from serve_app.gateway.fields import Text, said
from serve_app.gateway.openai_fields import NotOffered, without_harmless
from serve_app.gateway.settings import GatewaySettings

_HARMLESS: dict[str, tuple[object, ...]] = {
    "name": (),
    "refusal": (),
    "audio": (),
    "tool_calls": ([],),
    "function_call": (),
    "annotations": ([],),
}
"""What messages that came from a chat completion carry with them."""
_INSTRUCTING = ("system", "developer")


def _joined(content: object) -> object:
    """Text, of one or many parts."""
    if not isinstance(content, list):
        return content
    texts = []
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "text":
            kind = part.get("type") if isinstance(part, dict) else part
            raise NotOffered(f"content: parts are of the type text here, not {str(kind)[:40]!r}.", "messages")
        texts.append(str(part.get("text", "")))
    return "".join(texts)


class ChatMessage(BaseModel):
    """One message, whose content may come in parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[Text, BeforeValidator(_joined)] = Field(min_length=1)


def chat_messages(value: object) -> object:
    """Messages as they came, less what has no effect. Raises NotOffered for what would have one."""
    if not isinstance(value, list):
        return value
    for index, message in enumerate(value):
        if isinstance(message, dict) and message.get("role") in ("tool", "function"):
            raise NotOffered(f"messages.{index}.role: there are no tools here.", "messages")
    return [without_harmless(message, _HARMLESS, f"messages.{index}.") for index, message in enumerate(value)]


def parted(messages: Sequence[ChatMessage], settings: GatewaySettings) -> tuple[str | None, tuple[Message, ...]]:
    """The instructions, if there are any, and the rest. Instructions are what precedes the conversation; one given
    later stays in its place.

    Raises TooLarge for too many messages or a long one, InvalidField unless the last is the user's and says something.
    """
    if len(messages) > settings.max_messages:
        raise TooLarge(f"messages: at most {settings.max_messages}; {len(messages)} were sent.")
    count = next((index for index, one in enumerate(messages) if one.role not in _INSTRUCTING), len(messages))
    instructions = "\n\n".join(one.content for one in messages[:count])
    rest = tuple(Message("system" if one.role in _INSTRUCTING else one.role, one.content) for one in messages[count:])
    if not rest or rest[-1].role != "user":
        raise InvalidField("messages: the last one has to be the user's.", "messages")
    said(rest[-1].content, settings, "messages")
    return instructions or None, rest
