"""A TokenSource that plays scripts: one list of tokens per attempt."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from deployments.errors import AvatarError
from deployments.llm.source import Piece, Prompt


@dataclass
class FakeTokenSource:
    """Plays `scripts` one after the other, the last one again and again. `prompts` keeps what was asked.

    A script that is cut ends as if max_tokens had stopped it. `made` counts tokens given. With `tokens_read` the pieces
    tell counts of tokens.
    """

    scripts: Sequence[Sequence[str]]
    cut: bool = False
    fails: AvatarError | None = None
    prompts: list[Prompt] = field(default_factory=list)
    warmed: list[Prompt] = field(default_factory=list)
    tokens_read: int | None = None
    active: int = 0
    made: int = 0

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        self.prompts.append(prompt)
        script = self.scripts[min(len(self.prompts), len(self.scripts)) - 1]
        self.active += 1
        try:
            for index, token in enumerate(script):
                await asyncio.sleep(0)
                self.made += 1
                counts = (None, None) if self.tokens_read is None else (self.tokens_read, index + 1)
                yield Piece(token, self.cut and index == len(script) - 1, *counts)
            if self.fails is not None:
                raise self.fails
        finally:
            self.active -= 1

    def warm(self, prompts: Sequence[Prompt]) -> None:
        self.warmed.extend(prompts)

    async def check(self) -> None:
        if self.fails is not None:
            raise self.fails

    async def close(self) -> None:
        return None
