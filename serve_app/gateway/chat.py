"""POST /chat: text in, the reply's text out, as JSON or piece by piece as server-sent events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deployments.contracts import Message, ReplyRequest
from serve_app.gateway.context import DoorContext
from serve_app.gateway.errors_table import InvalidField, answer_to, request_id_of
from serve_app.gateway.fields import ChatFields, messages_of, said
from serve_app.gateway.identity import Identity, identity_of
from serve_app.gateway.negotiation import wants_events
from serve_app.gateway.rendering import server_timing, sse
from serve_app.gateway.requests import parse, read_json
from serve_app.gateway.streaming import StreamedAnswer, unless_hung_up
from serve_app.timings import Stopwatch


class ChatDoor:
    """Streams where the body says `"stream": true` or Accept names text/event-stream."""

    def __init__(self, context: DoorContext) -> None:
        self._context = context

    async def chat(self, request: Request) -> Response:
        settings = self._context.settings
        self._context.places.check(identity_of(request.scope))
        fields = parse(ChatFields, await read_json(request, settings.max_json_bytes, settings.body_timeout_seconds))
        language = self._context.catalogue.language(fields.language)
        ask = ReplyRequest(self._messages(fields), language, max_tokens=fields.max_tokens)
        if fields.stream or wants_events(request.headers.get("accept")):
            chunks = self._events(ask, request)
            return await StreamedAnswer.start(request, chunks, "text/event-stream")
        return await unless_hung_up(request, self._whole(ask, identity_of(request.scope)))

    def _messages(self, fields: ChatFields) -> tuple[Message, ...]:
        if (fields.text is None) == (not fields.messages):
            raise InvalidField("Send either text or messages.", "text")
        if fields.text is not None:
            return (Message("user", said(fields.text, self._context.settings)),)
        messages = messages_of(fields.messages, self._context.settings, "messages")
        if messages[-1].role != "user":
            raise InvalidField("messages: the last one has to be the user's.", "messages")
        said(messages[-1].content, self._context.settings, f"messages.{len(messages) - 1}.content")
        return messages

    async def _whole(self, ask: ReplyRequest, identity: Identity) -> Response:
        watch = Stopwatch()
        reply = ""
        async with aclosing(self._pieces(ask, identity, watch)) as pieces:
            async for piece in pieces:
                reply += piece
        timings = watch.values()
        return JSONResponse({"reply": reply, "timings": timings}, headers={"Server-Timing": server_timing(timings)})

    async def _events(self, ask: ReplyRequest, request: Request) -> AsyncGenerator[bytes, None]:
        """`reply` events with a piece each, then `done` with the whole reply, or `error`."""
        identity, watch = identity_of(request.scope), Stopwatch()
        reply = ""
        try:
            async with aclosing(self._pieces(ask, identity, watch)) as pieces:
                async for piece in pieces:
                    reply += piece
                    yield sse("reply", {"text": piece, "at_seconds": round(watch.now(), 3)})
            yield sse("done", {"reply": reply, "timings": watch.values()})
        except Exception as error:
            if not reply:
                raise
            yield sse("error", answer_to(error, request_id_of(request)).body())

    async def _pieces(self, ask: ReplyRequest, identity: Identity, watch: Stopwatch) -> AsyncGenerator[str, None]:
        async with self._context.places.place(identity):
            with watch.spent("llm"):
                async with aclosing(self._context.stages.reply(ask)) as pieces:
                    async for piece in pieces:
                        watch.mark("first_token")
                        yield piece
