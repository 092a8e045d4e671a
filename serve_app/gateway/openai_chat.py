"""POST /v1/chat/completions: the language stage as OpenAI's chat completions, at once or streamed.

It is the model of a voice: its answers are short and speakable, whoever reads them.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deployments.contracts import ReplyEnd, ReplyRequest, Sampling
from serve_app.gateway.context import DoorContext
from serve_app.gateway.errors_table import request_id_of
from serve_app.gateway.fields import Language, Text
from serve_app.gateway.identity import Identity, identity_of
from serve_app.gateway.openai_events import DONE, data_event, with_errors
from serve_app.gateway.openai_fields import ANY, ModelName, without_harmless
from serve_app.gateway.openai_messages import ChatMessage, chat_messages, parted
from serve_app.gateway.requests import parse, read_json
from serve_app.gateway.streaming import StreamedAnswer, unless_hung_up

_HARMLESS: dict[str, tuple[object, ...]] = {
    "n": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "modalities": (["text"],),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "parallel_tool_calls": (ANY,),
    "reasoning_effort": ("none",),
    "verbosity": ("low",),
    "service_tier": ("auto", "default"),
    "store": (False,),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
    "moderation": (),
    "user": (ANY,),
    "metadata": (ANY,),
    "safety_identifier": (ANY,),
    "prompt_cache_key": (ANY,),
    "prompt_cache_options": (ANY,),
    "prompt_cache_retention": (ANY,),
}
"""By field of OpenAI's, what has no effect here. Nothing is stored, so labels say nothing to anyone."""

Stop = Annotated[Text, Field(min_length=1, max_length=64)]
TokenCount = Annotated[int, Field(ge=1, le=1_000_000)]


class StreamOptions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    include_usage: bool = False
    include_obfuscation: bool = False


class ChatCompletionFields(BaseModel):
    """What has an effect. `language` is an extension: the language to answer in, else that of the question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ModelName
    messages: Annotated[tuple[ChatMessage, ...], BeforeValidator(chat_messages)] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    max_tokens: TokenCount | None = None
    max_completion_tokens: TokenCount | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = None
    stop: Annotated[tuple[Stop, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)] = (
        Field((), max_length=4)
    )
    language: Language | None = None


class ChatCompletionsDoor:
    """One choice; `usage` where the engine counts its tokens, else none."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context

    async def complete(self, request: Request) -> Response:
        settings, identity = self._context.settings, identity_of(request.scope)
        self._context.places.check(identity)
        body = await read_json(request, settings.max_json_bytes, settings.body_timeout_seconds)
        fields = parse(ChatCompletionFields, without_harmless(body, _HARMLESS))
        instructions, messages = parted(fields.messages, settings)
        ask = ReplyRequest(
            messages,
            self._context.catalogue.language(fields.language),
            max_tokens=fields.max_completion_tokens or fields.max_tokens,
            instructions=instructions,
            sampling=Sampling(
                fields.temperature, fields.top_p, None if fields.seed is None else fields.seed % 2**32, fields.stop
            ),
            report=True,
        )
        completion = _Completion(f"chatcmpl-{request_id_of(request)}", settings.models.thinking)
        if fields.stream:
            chunks = self._chunks(identity, ask, completion, fields.stream_options.include_usage)
            events = with_errors(chunks, request_id_of(request))
            return await StreamedAnswer.start(request, events, "text/event-stream")
        return await unless_hung_up(request, self._whole(identity, ask, completion))

    async def _whole(self, identity: Identity, ask: ReplyRequest, completion: "_Completion") -> Response:
        async with aclosing(self._pieces(identity, ask)) as pieces:
            async for piece in pieces:
                completion.take(piece)
        return JSONResponse(completion.whole())

    async def _chunks(
        self, identity: Identity, ask: ReplyRequest, completion: "_Completion", counted: bool
    ) -> AsyncGenerator[bytes, None]:
        """The role with the first piece, then the pieces, the reason why it ended, and the usage where it is asked."""
        delta: dict[str, object] = {"role": "assistant"}
        async with aclosing(self._pieces(identity, ask)) as pieces:
            async for piece in pieces:
                completion.take(piece)
                if piece:
                    yield data_event(completion.chunk({**delta, "content": str(piece)}, None, counted))
                    delta = {}
        yield data_event(completion.chunk({}, completion.finish_reason, counted))
        if counted:
            yield data_event(completion.last_chunk())
        yield DONE

    async def _pieces(self, identity: Identity, ask: ReplyRequest) -> AsyncGenerator[str, None]:
        async with self._context.places.place(identity), aclosing(self._context.stages.reply(ask)) as pieces:
            async for piece in pieces:
                yield piece


class _Completion:
    """One answer as it grows, and OpenAI's words for it."""

    def __init__(self, id: str, model: str) -> None:
        self._head = {"id": id, "created": int(time.time()), "model": model}
        self._text = ""
        self._end = ReplyEnd()

    @property
    def finish_reason(self) -> str:
        return "length" if self._end.cut else "stop"

    def take(self, piece: str) -> None:
        if isinstance(piece, ReplyEnd):
            self._end = piece
        self._text += piece

    def whole(self) -> dict[str, object]:
        message = {"role": "assistant", "content": self._text, "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": self._usage()}

    def chunk(self, delta: dict[str, object], reason: str | None, counted: bool) -> dict[str, object]:
        """With `counted` each chunk has a `usage`, null in all but the last: so do OpenAI's."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        body = {**self._head, "object": "chat.completion.chunk", "choices": [choice]}
        return body | ({"usage": None} if counted else {})

    def last_chunk(self) -> dict[str, object]:
        return {**self._head, "object": "chat.completion.chunk", "choices": [], "usage": self._usage()}

    def _usage(self) -> dict[str, int] | None:
        read, written = self._end.prompt_tokens, self._end.completion_tokens
        if read is None or written is None:
            return None
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
