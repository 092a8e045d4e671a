"""A chat model that speaks: persona, language, speakable text and limits around any source of tokens."""

import logging
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from deployments.contracts import Message, ReplyEnd, ReplyRequest, Sampling
from deployments.errors import BadInput, EngineFailed, TooLarge
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

        Raises BadInput for a conversation that does not end with the user's words, TooLarge for long instructions,
        EngineFailed where twice there was nothing to say, and what the source raises.
        """
        _check(request, self._settings.limits.max_instruction_characters)
        asked = request.messages[-1].content
        language = request.language or language_of(asked, self._settings.languages)
        for last_attempt in (False, True):
            said = False
            async with aclosing(self._attempt(request, language, last_attempt)) as pieces:
                async for text in pieces:
                    if text:
                        said = True
                        yield text
                    elif request.report and (said or request.prefix):
                        yield text  # a ReplyEnd
            if said or request.prefix:
                return
            self._note("remade", language)
        raise EngineFailed("The language model gave nothing that can be said, twice. Ask in other words.")

    async def _attempt(self, request: ReplyRequest, language: str, last: bool) -> AsyncGenerator[str, None]:
        """One reply and its ReplyEnd. Nothing where it is not fit to be said and another attempt is left."""
        prompt = self._asked(request, language, firmer=last)
        speakable = Speakable(after=request.prefix)
        limiter = Limiter(self._settings.limits, self._longest(request), after=request.prefix)
        tally = _Tally(request)
        # what is held back until its language is known; instructions may ask for any where the request names none
        opening: str | None = None if request.prefix or tally.any_language else ""
        source = self._source.stream(prompt)
        async with aclosing(source), aclosing(_spoken(source, speakable, limiter, tally)) as pieces:
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
        yield tally.end()

    def _asked(self, request: ReplyRequest, language: str, firmer: bool) -> Prompt:
        longest = self._longest(request)
        left = max(min(_LEAST_TOKENS, longest), longest - len(request.prefix) // 4)
        messages = tuple(_clean(message) for message in request.messages if message.content.strip())
        prompt = self._prompt(language, messages, left)
        note = _FIRMER.get(language, f"Answer in {_named(language)}.") if firmer else ""
        if instructions := _instructions(request):
            # examples show the configured persona: beside other instructions they would contradict them
            prompt = replace(prompt, persona=self._instructed(instructions, request, language), examples=())
            note = note if request.language else ""
        sampling = request.sampling or Sampling()
        return replace(prompt, prefix=request.prefix, note=note, sampling=sampling, report=request.report)

    def _instructed(self, instructions: str, request: ReplyRequest, language: str) -> str:
        settings = self._settings
        spoken = _named(language) if request.language else f"{_named(language)}, unless told otherwise"
        return settings.instructed.format(
            instructions=instructions, name=settings.names.get(language, settings.name), language=spoken
        )

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
        """Tokens. More than one a character is never used, and would take the room of history from the context."""
        limits = self._settings.limits
        return min(request.max_tokens or limits.max_tokens, max(limits.max_tokens, limits.max_characters))

    def _note(self, event: str, language: str) -> None:
        _log.info("reply %s (language %s)", event, language)
        self._observe(event)


class _Tally:
    """What is known of one attempt's end. A reply that goes on from a prefix does not know what that had cost."""

    def __init__(self, request: ReplyRequest) -> None:
        self.any_language = bool(_instructions(request)) and request.language is None
        self._counts = not request.prefix
        self._cut = False
        self._read: int | None = None
        self._written: int | None = None

    def take(self, piece: Piece) -> None:
        self._cut = self._cut or piece.cut
        self._read = piece.prompt_tokens if piece.prompt_tokens is not None else self._read
        self._written = piece.completion_tokens if piece.completion_tokens is not None else self._written

    def limited(self) -> None:
        """Our own limits ended the reply."""
        self._cut = True

    def end(self) -> ReplyEnd:
        return ReplyEnd(self._cut, self._read, self._written) if self._counts else ReplyEnd(self._cut)


async def _spoken(
    pieces: AsyncGenerator[Piece, None], speakable: Speakable, limiter: Limiter, tally: _Tally
) -> AsyncGenerator[tuple[str, bool], None]:
    """The speakable text of each piece within the limits, and whether the reply ends with it."""
    cut = False
    async for piece in pieces:
        tally.take(piece)
        text = limiter.take(speakable.feed(piece.text)) if piece.text else ""
        cut = cut or piece.cut
        if limiter.done:
            tally.limited()
            yield text, True
            return
        if text:
            yield text, False
    yield limiter.take(speakable.end(), tokens=0) + limiter.end(cut), True


def _clean(message: Message) -> Message:
    """The message without control marks and without halves of surrogate pairs, which no encoder takes."""
    return Message(message.role, _cleaned(message.content))


def _cleaned(text: str) -> str:
    return _CONTROL.sub(" ", text.encode("utf-8", "replace").decode())


def _instructions(request: ReplyRequest) -> str:
    """The request's own instructions; "" where the configured persona answers."""
    return _cleaned(request.instructions or "").strip()


def _named(language: str) -> str:
    return ENGLISH_NAMES.get(language, language)


def _check(request: ReplyRequest, most_instructions: int) -> None:
    if request.instructions is not None and len(request.instructions) > most_instructions:
        raise TooLarge(
            f"The instructions have {len(request.instructions)} characters and may have {most_instructions}."
        )
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
