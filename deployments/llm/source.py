"""What is under a chat model: something that continues a prompt, token by token, in whatever markup it likes."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Protocol

from deployments.contracts import Message, Sampling

_AS_CONFIGURED = Sampling()


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that a source is told. `persona` comes first, then `examples` of how to answer, then the conversation.

    `prefix`: how the reply begins; the source goes on from it and does not repeat it.
    `note`: an instruction for this reply alone, given last so that what comes before stays in the cache.
    `sampling`: what this reply wants otherwise than configured. `report`: tokens are to be counted.
    """

    persona: str
    examples: tuple[Message, ...]
    messages: tuple[Message, ...]
    max_tokens: int
    prefix: str = ""
    note: str = ""
    sampling: Sampling = _AS_CONFIGURED
    report: bool = False

    def all_messages(self) -> list[dict[str, str]]:
        """Everything as chat completion messages; the prefix as an open assistant message."""
        *earlier, last = self.messages
        content = f"{last.content}\n\n({self.note})" if self.note else last.content
        found = [Message("system", self.persona), *self.examples, *earlier, Message(last.role, content)]
        if self.prefix.strip():
            found.append(Message("assistant", self.prefix.rstrip()))
        return [{"role": message.role, "content": message.content} for message in found]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more of the reply. `cut` on the last one: the reply stopped at `max_tokens` and not by itself.

    `prompt_tokens` and `completion_tokens`: what was read and written so far, where the source tells.
    """

    text: str
    cut: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class TokenSource(Protocol):
    """Continues prompts. Several may be under way at once, up to its slots; more wait."""

    @property
    def active(self) -> int:
        """Replies under way, those told to stop and not yet stopped included."""
        ...

    def stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Pieces as they are made. Closing it stops the work within one token or one batch of the prompt.

        Raises EngineFailed, TimedOut, AtCapacity, TooLarge (the last message alone is longer than the context).
        """
        ...

    def warm(self, prompts: Sequence[Prompt]) -> None:
        """Read prompts, the likeliest first, so that others that begin alike start sooner. Blocks."""
        ...

    async def check(self) -> None:
        """Raises EngineFailed where the source cannot answer."""
        ...

    async def close(self) -> None:
        """Free everything, after work under way has stopped."""
        ...
