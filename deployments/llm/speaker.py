"""A chat model that speaks: persona, language, speakable text and limits around any source of tokens."""

import logging
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from deployments.contracts import Message, ReplyRequest
from deployments.errors import BadInput, EngineFailed
from deployments.llm.language import ENGLISH_NAMES, language_of, speaks
from deployments.llm.limiter import Limiter
from deployments.llm.settings import LlmSettings
from deployments.llm.source import Piece, Prompt, TokenSource
from deployments.llm.speakable import Speakable

_log = logging.getLogger("ray.serve")

_ROLES = ("system", "user", "assistant")
_LEAST_TOKENS = 16
"""A reply that goes on after a replica died may have at least this many more."""

_CONTROL = re.compile(r"<\|[^|<>]{1,40}\|>")
"""What templates mark turns with. In a user's text it could speak in another role's name."""

_FIRMER = {
    "en": "Answer in English, in plain spoken words.",
    "es": "Responde solo en español, con palabras sencillas.",
    "zh": "请只用中文回答，用口语。",
}


class Speaker:
    """The ChatModel of every engine here. `observe` is told "remade" and "wrong_language" as they happen."""

    def __init__(
        self, source: TokenSource, settings: LlmSettings, observe: Callable[[str], None] | None = None
    ) -> None:
        self._source = source
        self._settings = settings
        self._observe = observe or (lambda event: None)

    @property
    def active(self) -> int:
        """Replies under way in the engine, those not yet stopped included."""
        return self._source.active

    def warm(self) -> None:
        """Read persona and examples in every language before anyone waits for them. Blocks."""
        greeting = (Message("user", "."),)
        self._source.warm([self._prompt(language, greeting, 1) for language in self._settings.languages])

    async def check(self) -> None:
        """Raises EngineFailed where the engine cannot answer."""
        await self._source.check()

    async def close(self) -> None:
        await self._source.close()

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]:
        """Speakable text in pieces. A reply in the wrong language, or with nothing to say, is made once more.

        Raises BadInput for a conversation that does not end with the user's words, EngineFailed where twice there
        was nothing to say, and what the source raises.
        """
        _check(request)
        asked = request.messages[-1].content
        language = request.language or language_of(asked, self._settings.languages)
        for last_attempt in (False, True):
            said = False
            async with aclosing(self._attempt(request, language, last_attempt)) as pieces:
                async for text in pieces:
                    said = True
                    yield text
            if said or request.prefix:
                return
            self._note("remade", language)
        raise EngineFailed("The language model gave nothing that can be said, twice. Ask in other words.")

    async def _attempt(self, request: ReplyRequest, language: str, last: bool) -> AsyncGenerator[str, None]:
        """One reply. Yields nothing where it is not fit to be said and another attempt is left."""
        prompt = self._asked(request, language, firmer=last)
        speakable = Speakable(after=request.prefix)
        limiter = Limiter(self._settings.limits, self._longest(request), after=request.prefix)
        opening: str | None = None if request.prefix else ""  # what is held back until its language is known
        source = self._source.stream(prompt)
        async with aclosing(source), aclosing(_spoken(source, speakable, limiter)) as pieces:
            async for text, whole in pieces:
                if opening is not None:
                    text = opening = opening + text
                    fit = speaks(opening, language, whole=whole)
                    if fit is None:
                        continue
                    if not fit and opening:
                        self._note("wrong_language", language)
                        if not last:
                            return
                    opening = None
                if text:
                    yield text

    def _asked(self, request: ReplyRequest, language: str, firmer: bool) -> Prompt:
        longest = self._longest(request)
        left = max(min(_LEAST_TOKENS, longest), longest - len(request.prefix) // 4)
        messages = tuple(_clean(message) for message in request.messages if message.content.strip())
        note = _FIRMER.get(language, f"Answer in {_named(language)}.") if firmer else ""
        return replace(self._prompt(language, messages, left), prefix=request.prefix, note=note)

    def _prompt(self, language: str, messages: tuple[Message, ...], max_tokens: int) -> Prompt:
        settings = self._settings
        name = settings.names.get(language, settings.name)
        examples = tuple(
            Message(role, text.format(name=name))
            for exchange in settings.examples.get(language, ())
            for role, text in zip(("user", "assistant"), exchange, strict=True)
        )
        return Prompt(settings.persona.format(name=name, language=_named(language)), examples, messages, max_tokens)

    def _longest(self, request: ReplyRequest) -> int:
        return request.max_tokens or self._settings.limits.max_tokens

    def _note(self, event: str, language: str) -> None:
        _log.info("reply %s (language %s)", event, language)
        self._observe(event)


async def _spoken(
    pieces: AsyncGenerator[Piece, None], speakable: Speakable, limiter: Limiter
) -> AsyncGenerator[tuple[str, bool], None]:
    """The speakable text of each piece within the limits, and whether the reply ends with it."""
    cut = False
    async for piece in pieces:
        text = limiter.take(speakable.feed(piece.text))
        cut = cut or piece.cut
        if limiter.done:
            yield text, True
            return
        if text:
            yield text, False
    yield limiter.take(speakable.end(), tokens=0) + limiter.end(cut), True


def _clean(message: Message) -> Message:
    """The message without control marks and without halves of surrogate pairs, which no encoder takes."""
    text = message.content.encode("utf-8", "replace").decode()
    return Message(message.role, _CONTROL.sub(" ", text))


def _named(language: str) -> str:
    return ENGLISH_NAMES.get(language, language)


def _check(request: ReplyRequest) -> None:
    if not request.messages:
        raise BadInput("There are no messages to answer: send at least one of the user's.")
    for message in request.messages:
        if message.role not in _ROLES:
            raise BadInput(f"A message has the role {message.role!r}; there are only system, user and assistant.")
    last: Message = request.messages[-1]
    if last.role != "user":
        raise BadInput("The last message must be the user's; text to go on from belongs into `prefix`.")
    if not last.content.strip():
        raise BadInput("The last message is empty: there is nothing to answer.")
    if request.max_tokens is not None and request.max_tokens < 1:
        raise BadInput("max_tokens must be at least 1.")
