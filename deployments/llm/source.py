"""What is under a chat model: something that continues a prompt, token by token, in whatever markup it likes."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

from deployments.contracts import Message


@dataclass(frozen=True, slots=True)
class Prompt:
    """The whole conversation, persona first as a system message.

    `prefix`: how the reply begins; the source goes on from it and does not repeat it.
    `note`: an instruction for this reply alone, given last so that what comes before stays in the cache.
    """

    persona: str
    messages: tuple[Message, ...]
    max_tokens: int
    prefix: str = ""
    note: str = ""

    def all_messages(self) -> list[dict[str, str]]:
        """Persona, conversation, note and prefix as chat completion messages; the prefix as an open assistant one."""
        last = self.messages[-1]
        content = f"{last.content}\n\n({self.note})" if self.note else last.content
        found = [{"role": "system", "content": self.persona}]
        found += [{"role": message.role, "content": message.content} for message in self.messages[:-1]]
        found.append({"role": last.role, "content": content})
        if self.prefix.strip():
            found.append({"role": "assistant", "content": self.prefix.rstrip()})
        return found


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more of the reply. `cut` on the last one: the reply stopped at `max_tokens` and not by itself."""

    text: str
    cut: bool = False


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

    def warm(self, persona: str) -> None:
        """Read the persona before anyone waits for it. Blocks."""
        ...

    async def check(self) -> None:
        """Raises EngineFailed where the source cannot answer."""
        ...

    async def close(self) -> None:
        """Free everything, after work under way has stopped."""
        ...
