"""POST /v1/audio/speech: a text in, its sound out while it is made, clause by clause."""

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from deployments.contracts import SpeechRequest
from deployments.errors import BadInput, NotFound
from deployments.llm.language import language_of
from serve_app.gateway.context import DoorContext
from serve_app.gateway.errors_table import InvalidField, request_id_of
from serve_app.gateway.fields import Identifier, Language, Text, said
from serve_app.gateway.identity import Identity, identity_of
from serve_app.gateway.openai_events import data_event, with_errors
from serve_app.gateway.openai_fields import ModelName, without_harmless
from serve_app.gateway.requests import parse, read_json
from serve_app.gateway.streaming import StreamedAnswer
from serve_app.media.sound_files import FORMATS
from serve_app.phrasing import Phraser
from serve_app.voice_names import DEFAULT_VOICE, our_voice

VOICE_HEADER = "X-Avatar-Voice"
_HARMLESS: dict[str, tuple[object, ...]] = {"instructions": ("",)}

Voice = Annotated[
    Identifier,
    BeforeValidator(lambda value: value["id"] if isinstance(value, dict) and set(value) == {"id"} else value),
]
"""A name, or an object with the name as `id`, as OpenAI takes both."""


class SpeechFields(BaseModel):
    """OpenAI's fields and `language`, without which it is told from the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName
    input: Text
    voice: Voice = DEFAULT_VOICE
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: float = Field(1.0, ge=0.5, le=2.0)
    stream_format: Literal["audio", "sse"] = "audio"
    language: Language | None = None


class SpeechDoor:
    """The first clause is short, so that the first bytes come early. Holds a place until the last byte is sent."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context

    async def speak(self, request: Request) -> Response:
        context, identity = self._context, identity_of(request.scope)
        settings = context.settings
        context.places.check(identity)
        body = await read_json(request, settings.max_json_bytes, settings.body_timeout_seconds)
        fields = parse(SpeechFields, without_harmless(body, _HARMLESS))
        text = said(fields.input, settings, "input")
        spoken = context.catalogue.language(fields.language) or language_of(text, context.conversation.languages)
        voice = await self._voice(identity, fields.voice)
        chunks = self._sound(identity, text, SpeechRequest("", spoken, voice, fields.speed), fields.response_format)
        media_type = FORMATS[fields.response_format].media_type
        if fields.stream_format == "sse":
            chunks, media_type = with_errors(_events(chunks), request_id_of(request)), "text/event-stream"
        heard_as = voice or await self._default_voice(spoken)
        return await StreamedAnswer.start(request, chunks, media_type, lambda: {VOICE_HEADER: heard_as})

    async def _default_voice(self, language: str) -> str:
        for voice in await self._context.catalogue.builtin_voices():
            if voice.get("default") and voice.get("language") == language:
                return str(voice["id"])
        return DEFAULT_VOICE

    async def _voice(self, identity: Identity, name: str) -> str | None:
        """Raises InvalidField for an unknown voice, naming those there are."""
        try:
            return (await self._context.catalogue.choose(identity.name, None, our_voice(name), None)).voice_id
        except NotFound as error:
            known = ", ".join(str(voice["id"]) for voice in await self._context.catalogue.builtin_voices())
            raise InvalidField(
                f"voice: there is no voice {name!r}. Choose {DEFAULT_VOICE}, {known}, or one you uploaded.", "voice"
            ) from error

    async def _sound(
        self, identity: Identity, text: str, ask: SpeechRequest, format_name: str
    ) -> AsyncGenerator[bytes, None]:
        """The file in pieces. Raises BadInput where nothing can be spoken, before the first."""
        phraser = Phraser(ask.language, self._context.conversation.phrasing)
        file = FORMATS[format_name].open()
        spoken = False
        async with self._context.places.place(identity):
            for clause in [*phraser.feed(text), *phraser.end()]:
                request = SpeechRequest(clause, ask.language, ask.voice_id, ask.speed)
                async with aclosing(self._context.stages.speak(request)) as pieces:
                    async for pcm in pieces:
                        spoken = True
                        if chunk := file.add(pcm):
                            yield chunk
            if not spoken:
                raise BadInput("The text holds nothing that can be spoken.")
            if chunk := file.end():
                yield chunk


async def _events(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """How many tokens a voice reads nobody knows: `usage` is left out of the last event."""
    async with aclosing(chunks):
        async for chunk in chunks:
            yield data_event({"type": "speech.audio.delta", "audio": base64.b64encode(chunk).decode()})
    yield data_event({"type": "speech.audio.done"})
