"""The doors as methods to be awaited."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import httpx

from serve_app.client import asking
from serve_app.client.answers import (
    Avatar,
    Film,
    Health,
    Transcription,
    Voice,
    film_of,
    health_of,
    transcription_of,
    value_of,
)
from serve_app.client.asking import Content, Said, Spoken
from serve_app.client.async_job_methods import AsyncJobMethods
from serve_app.client.connection import connection, default_url, translated
from serve_app.client.events import TurnEvent, async_messages_in, event_of
from serve_app.client.failures import failure_of
from serve_app.client.realtime import RealtimeConversation
from serve_app.client.realtime_asking import Talking, Ticket
from serve_app.client.realtime_opening import conversation
from serve_app.client.realtime_player import VirtualPlayer


class AsyncAvatarClient(AsyncJobMethods):
    """`AvatarClient` for programs with an event loop: the same methods, arguments and errors. Use `async with`."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout_seconds: float = 120.0,
        verify: bool | str | Path = True,
    ) -> None:
        self.base_url = base_url or default_url()
        self._verify = verify
        self._http = httpx.AsyncClient(**connection(self.base_url, api_key, timeout_seconds, verify))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def transcribe(self, audio: Content, language: str | None = None) -> Transcription:
        return transcription_of(await self._json("POST", "/transcribe", **asking.transcription(audio, language)))

    async def chat(
        self,
        text: str | None = None,
        *,
        messages: Sequence[Said] = (),
        language: str | None = None,
        max_tokens: int | None = None,
    ) -> str:
        ask = asking.chat(text, messages, language, max_tokens, stream=False)
        return str((await self._json("POST", "/chat", **ask))["reply"])

    async def chat_stream(
        self,
        text: str | None = None,
        *,
        messages: Sequence[Said] = (),
        language: str | None = None,
        max_tokens: int | None = None,
    ) -> AsyncIterator[str]:
        ask = asking.chat(text, messages, language, max_tokens, stream=True)
        async with self._streamed("/chat", **ask) as answer:
            async for name, content in async_messages_in(answer.aiter_lines()):
                if name == "reply":
                    yield str(content["text"])

    async def converse(
        self,
        audio: Content | None = None,
        *,
        text: str | None = None,
        history: Sequence[Said] = (),
        media: str = "fmp4",
        **spoken: Unpack[Spoken],
    ) -> AsyncIterator[TurnEvent]:
        ask = asking.conversation(audio, text, history, spoken, format="events", media=media)
        async for event in self._events("/conversation", ask):
            yield event

    async def fragments(
        self,
        audio: Content | None = None,
        *,
        text: str | None = None,
        history: Sequence[Said] = (),
        **spoken: Unpack[Spoken],
    ) -> AsyncIterator[bytes]:
        ask = asking.conversation(audio, text, history, spoken, format="fmp4")
        async with self._streamed("/conversation", **ask) as answer:
            async for part in answer.aiter_raw():
                yield part

    async def talk(
        self,
        audio: Content | None = None,
        *,
        text: str | None = None,
        history: Sequence[Said] = (),
        **spoken: Unpack[Spoken],
    ) -> Film:
        ask = asking.conversation(audio, text, history, spoken, format="mp4")
        return film_of((await self._sent("POST", "/conversation", **ask)).content)

    async def say(self, text: str, **spoken: Unpack[Spoken]) -> Film:
        ask = asking.generation(text, spoken, format="mp4")
        return film_of((await self._sent("POST", "/generate", **ask)).content)

    async def say_events(self, text: str, *, media: str = "fmp4", **spoken: Unpack[Spoken]) -> AsyncIterator[TurnEvent]:
        async for event in self._events("/generate", asking.generation(text, spoken, format="events", media=media)):
            yield event

    async def avatars(self) -> list[Avatar]:
        return [value_of(Avatar, entry) for entry in (await self._json("GET", "/v1/avatars"))["avatars"]]

    async def add_avatar(self, image: Content, *, consent: bool, name: str = "") -> Avatar:
        return value_of(Avatar, await self._json("POST", "/v1/avatars", **asking.new_avatar(image, consent, name)))

    async def portrait(self, avatar_id: str) -> bytes:
        return (await self._sent("GET", asking.path("avatars", avatar_id, "portrait"))).content

    async def delete_avatar(self, avatar_id: str) -> None:
        await self._sent("DELETE", asking.path("avatars", avatar_id))

    async def voices(self) -> list[Voice]:
        return [value_of(Voice, entry) for entry in (await self._json("GET", "/v1/voices"))["voices"]]

    async def add_voice(self, audio: Content, *, consent: bool, name: str = "") -> Voice:
        return value_of(Voice, await self._json("POST", "/v1/voices", **asking.new_voice(audio, consent, name)))

    async def delete_voice(self, voice_id: str) -> None:
        await self._sent("DELETE", asking.path("voices", voice_id))

    async def health(self) -> Health:
        with translated(self.base_url):
            return health_of(await self._http.get("/health"))

    def realtime(
        self, *, ticket: Ticket | None = None, player: VirtualPlayer | None = None, **talking: Unpack[Talking]
    ) -> AbstractAsyncContextManager[RealtimeConversation]:
        """A conversation over one socket, for the length of an `async with`.

            async with AsyncAvatarClient() as client, client.realtime(video=True, rate_hz=16_000) as talk:
                await talk.speak(question)
                async for event in talk:
                    match event:
                        case HeardAll(text=text):
                            print("you:", text)
                        case MediaPiece(data=data):
                            film.write(data)
                        case AnswerDone():
                            break

        `ticket`: that of a conversation which broke off; it goes on where it was. `player` knows how far playback is;
        by default all is played as it comes. Raises Unreachable, TimedOut, SessionClosed, and the server's refusals:
        AtCapacity, NotFound for a ticket that is no longer good, Refused.
        """
        authorization = self._http.headers.get("authorization")
        return conversation(self.base_url, authorization, self._verify, ticket, player, talking)

    async def _events(self, path: str, ask: dict[str, Any]) -> AsyncIterator[TurnEvent]:
        async with self._streamed(path, **ask) as answer:
            async for name, content in async_messages_in(answer.aiter_lines()):
                if (event := event_of(name, content)) is not None:
                    yield event

    async def _json(self, method: str, path: str, **ask: Any) -> Any:
        return (await self._sent(method, path, **ask)).json()

    async def _sent(self, method: str, path: str, **ask: Any) -> httpx.Response:
        with translated(self.base_url):
            answer = await self._http.request(method, path, **ask)
        if answer.is_error:
            raise failure_of(answer.status_code, answer.content, answer.headers)
        return answer

    @asynccontextmanager
    async def _streamed(self, path: str, **ask: Any) -> AsyncIterator[httpx.Response]:
        with translated(self.base_url):
            async with self._http.stream("POST", path, **ask) as answer:
                if answer.is_error:
                    raise failure_of(answer.status_code, await answer.aread(), answer.headers)
                yield answer
