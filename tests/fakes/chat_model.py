"""A ChatModel that says what a script says, and can be watched while it does."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from deployments.contracts import ReplyRequest
from deployments.errors import AvatarError, BadInput


def answer(request: ReplyRequest) -> str:
    """Repeats the question, so that a test sees whose answer it is."""
    return f"You asked me this. {request.messages[-1].content} That is all I know."


@dataclass
class FakeChatModel:
    """Answers in words, one a piece. `script`: request to the whole reply, prefix included.

    `delay_seconds` before each piece; `fails` is raised after `fails_after` pieces. `active` counts replies under
    way, `requests` keeps what was asked, `made` counts pieces.
    """

    script: Callable[[ReplyRequest], str] = answer
    delay_seconds: float = 0.0
    fails: AvatarError | None = None
    fails_after: int = 0
    active: int = 0
    made: int = 0
    requests: list[ReplyRequest] = field(default_factory=list)

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]:
        self.requests.append(request)
        if not request.messages or request.messages[-1].role != "user" or not request.messages[-1].content.strip():
            raise BadInput("There is nothing to answer.")
        whole = self.script(request)
        rest = whole[len(request.prefix) :] if whole.startswith(request.prefix) else whole
        words = rest.split(" ")[: request.max_tokens]
        self.active += 1
        try:
            for count, word in enumerate(words):
                await asyncio.sleep(self.delay_seconds)
                if self.fails is not None and count >= self.fails_after:
                    raise self.fails
                text = f" {word}" if count else word
                if text:
                    self.made += 1
                    yield text
        finally:
            self.active -= 1
