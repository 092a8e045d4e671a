"""Any server that speaks OpenAI's chat completions, through the official client."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import openai
from openai import AsyncOpenAI

from deployments.contracts import Message
from deployments.errors import AtCapacity, AvatarError, EngineFailed, TimedOut, TooLarge
from deployments.llm.history import newest_that_fit
from deployments.llm.repetition import Repetition
from deployments.llm.settings import OpenAiSettings, SamplingSettings
from deployments.llm.source import Piece, Prompt
from deployments.sentences import is_han

_log = logging.getLogger("ray.serve")

_CHARACTERS_PER_TOKEN = 3
"""On the safe side for English and Spanish; a Chinese character counts as one token."""
_HEALTHY_SECONDS = 30.0
"""An answer this recent needs no further proof that the server is there."""
_RETRY_AFTER_SECONDS = 2
_TAKEN = frozenset({"temperature", "top_p", "seed", "stop"})
"""What of the sampling every such server understands."""
_GO_ON = "You were cut off after saying: «{prefix}». Go on from exactly there and do not repeat it."


class OpenAiSource:
    """A TokenSource behind an address. Closing a stream closes its connection, which stops the work there."""

    def __init__(self, settings: OpenAiSettings, sampling: SamplingSettings) -> None:
        self._settings = settings
        self._sampling = sampling
        timeout = openai.Timeout(settings.piece_seconds, connect=settings.connect_seconds)
        key = os.environ.get(settings.api_key_variable) or "none"  # servers without keys take any
        self._client = AsyncOpenAI(base_url=settings.base_url, api_key=key, timeout=timeout, max_retries=0)
        self._slots = asyncio.Semaphore(settings.slots)
        self._active = 0
        self._answered = -_HEALTHY_SECONDS

    @property
    def active(self) -> int:
        return self._active

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """See TokenSource. Tries again only while nothing was said, and never when told to slow down."""
        async with self._slots:
            self._active += 1
            try:
                for attempts_left in range(self._settings.retries, -1, -1):
                    said = False
                    try:
                        async with aclosing(self._once(prompt)) as pieces:
                            async for piece in pieces:
                                said = True
                                yield piece
                        return
                    except (EngineFailed, TimedOut) as error:
                        if said or not attempts_left or not isinstance(error, _Passing):
                            raise
                        _log.warning("asking the language model again: %s", error)
            finally:
                self._active -= 1

    def warm(self, prompts: Sequence[Prompt]) -> None:
        """Nothing to do: the server keeps its own caches."""

    async def check(self) -> None:
        """Asks the server for its models, unless it answered lately. A server that has no such list is well."""
        if time.monotonic() - self._answered < _HEALTHY_SECONDS:
            return
        try:
            await self._client.models.list(timeout=self._settings.connect_seconds)
        except openai.NotFoundError:
            _log.debug("%s lists no models", self._settings.base_url)
        except openai.OpenAIError as error:
            raise self._ours(error) from error
        self._answered = time.monotonic()

    async def close(self) -> None:
        await self._client.close()

    async def _once(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        repetition = Repetition(prompt.prefix)
        try:
            stream = await self._client.chat.completions.create(**self._body(prompt))
            try:
                async for chunk in stream:
                    self._answered = time.monotonic()
                    for choice in chunk.choices[:1]:
                        text = repetition.take(choice.delta.content or "")
                        cut = choice.finish_reason == "length"
                        if text or cut:
                            yield Piece(text, cut)
                    if chunk.usage is not None:
                        yield Piece("", False, chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
            finally:
                await stream.close()
        except openai.OpenAIError as error:
            raise self._ours(error) from error

    def _body(self, prompt: Prompt) -> dict[str, Any]:
        fitted = newest_that_fit(prompt.messages, _roughly, 1 << 30, self._settings.history_tokens)
        note = prompt.note
        extra: dict[str, Any] = {}
        if prompt.prefix.strip() and self._settings.continues:
            extra = {"extra_body": {"continue_final_message": True, "add_generation_prompt": False}}
            prefix = prompt.prefix
        else:
            prefix = ""
            if prompt.prefix.strip():
                note = f"{note} {_GO_ON.format(prefix=prompt.prefix.strip())}".strip()
        asked = replace(prompt, messages=fitted, prefix=prefix, note=note)
        sampling = self._sampling.asked_for(prompt.sampling)
        return {
            "model": self._settings.model,
            "messages": asked.all_messages(),
            "max_tokens": prompt.max_tokens,
            "stream": True,
            **({"stream_options": {"include_usage": True}} if prompt.report else {}),
            **{name: value for name, value in sampling.items() if name in _TAKEN},
            **extra,
        }

    def _ours(self, error: openai.OpenAIError) -> AvatarError:
        """The typed error for one of the client's, saying what to do."""
        settings = self._settings
        if isinstance(error, openai.APITimeoutError):
            return _Slow(f"{settings.base_url} did not answer within {settings.piece_seconds:g} s.")
        if isinstance(error, openai.APIConnectionError):
            return _Lost(
                f"The language model at {settings.base_url} cannot be reached or hung up ({error.__cause__ or error}): "
                "start it, or correct openai.base_url."
            )
        if not isinstance(error, openai.APIStatusError):
            return EngineFailed(f"The language model at {settings.base_url} failed: {error}.")
        status = error.status_code
        if status in (401, 403):
            return EngineFailed(
                f"{settings.base_url} refused the key: put a valid one into the environment variable "
                f"{settings.api_key_variable}."
            )
        if status in (429, 503):
            return AtCapacity(f"{settings.base_url} has no room now.", _retry_after(error))
        if error.code == "context_length_exceeded" or status == 413:
            return TooLarge(f"The conversation is too long for {settings.model}: lower openai.history_tokens.")
        if status >= 500:
            return _Lost(f"The language model at {settings.base_url} failed with status {status}: {error.message}.")
        return EngineFailed(
            f"{settings.base_url} refused the request with status {status}: {error.message}. "
            "Check openai.base_url and openai.model."
        )


class _Passing(AvatarError):
    """What another attempt may cure."""


class _Lost(EngineFailed, _Passing):
    """The connection, or the server for a moment."""

    def __reduce__(self) -> tuple[Any, ...]:  # callers in other processes know the public type only
        return EngineFailed, (self.message,)


class _Slow(TimedOut, _Passing):
    """No answer in time."""

    def __reduce__(self) -> tuple[Any, ...]:
        return TimedOut, (self.message,)


def _roughly(message: Message) -> int:
    """Tokens of a message, estimated: the server's vocabulary is not known here."""
    han = sum(map(is_han, message.content))
    return han + (len(message.content) - han) // _CHARACTERS_PER_TOKEN + 8


def _retry_after(error: openai.APIStatusError) -> int:
    """Whole seconds from the server's Retry-After header; a date or nothing counts as a short while."""
    value = error.response.headers.get("retry-after", "")
    return max(1, int(float(value))) if value.replace(".", "", 1).isdigit() else _RETRY_AFTER_SECONDS
