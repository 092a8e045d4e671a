"""A small server that speaks OpenAI's chat completions, on a thread and a free port of this machine."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


@dataclass
class Failure:
    """What the next request gets instead of an answer. `after` pieces were sent, the connection breaks."""

    status: int = 500
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    after: int | None = None


class FakeOpenAiServer:
    """Answers with the question's words. Requests, and failures to come, are lists to look at and to fill."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.failures: list[Failure] = []
        self.streaming = 0
        self.pieces_sent = 0
        self.delay_seconds = 0.002
        self.repeats_prefix = False
        self.models_status = 200
        routes = [
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
            Route("/v1/models", self._models),
        ]
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        self._server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off"))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)

    def start(self) -> None:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def answer(self, body: dict[str, Any]) -> list[str]:
        """The tokens of the whole answer to a request."""
        messages = body["messages"]
        prefix = ""
        if messages[-1]["role"] == "assistant":
            prefix, messages = messages[-1]["content"], messages[:-1]
        question, _, note = messages[-1]["content"].partition("\n\n(")
        if "cut off" in note:
            prefix = note.split("«")[1].split("»")[0]
        words = f"You ask me this. {question} I like it, and it is what I know of the sea.".split(" ")
        tokens = [word if not index else f" {word}" for index, word in enumerate(words)]
        given = len(prefix.split())
        return tokens[0 if self.repeats_prefix else given :]

    async def _chat(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("authorization", ""))
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None and failure.after is None:
            error = {"error": {"message": "it went wrong", "code": failure.code, "type": "x", "param": None}}
            return JSONResponse(error, failure.status, failure.headers)
        return StreamingResponse(self._events(body, failure), media_type="text/event-stream")

    async def _events(self, body: dict[str, Any], failure: Failure | None) -> AsyncGenerator[str, None]:
        tokens = self.answer(body)
        most = body.get("max_tokens") or len(tokens)
        self.streaming += 1
        try:
            for index, token in enumerate(tokens[:most]):
                if failure is not None and index == failure.after:
                    raise ConnectionError("as the script says")
                await asyncio.sleep(self.delay_seconds)
                self.pieces_sent += 1
                yield _event({"content": token})
            yield _event({}, "length" if most < len(tokens) else "stop")
            if (body.get("stream_options") or {}).get("include_usage"):
                yield _usage(sum(len(message["content"].split()) for message in body["messages"]), len(tokens[:most]))
            yield "data: [DONE]\n\n"
        finally:
            self.streaming -= 1

    async def _models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": []}, self.models_status)


def _event(delta: dict[str, str], finish: str | None = None) -> str:
    chunk = {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "fake",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return f"data: {json.dumps(chunk)}\n\n"


def _usage(read: int, written: int) -> str:
    counts = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    chunk = {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "fake",
        "choices": [],
        "usage": counts,
    }
    return f"data: {json.dumps(chunk)}\n\n"
