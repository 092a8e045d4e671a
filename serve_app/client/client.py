"""The doors as methods."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
from serve_app.client.connection import connection, default_url, translated
from serve_app.client.events import TurnEvent, messages_in, turn_events
from serve_app.client.failures import failure_of
from serve_app.client.job_methods import JobMethods


class AvatarClient(JobMethods):
    """Talks to one server, over one connection pool. Close it, or use it as a context manager. Thread-safe.

    Every method raises the typed errors of `deployments.errors`, as the server meant them: BadInput, NotFound,
    TooLarge, Unsupported, AtCapacity with the seconds to wait, EngineFailed for an answer that broke off. Besides
    these, `Unreachable` where nothing answers, and TimedOut after `timeout_seconds` without a byte.

    >>> from serve_app.client import AvatarClient
    >>> with AvatarClient() as client:
    ...     film = client.say("Good morning!", voice="af_heart")
    ...     print(film.save("out/morning.mp4"), film.report.reply)
    out/morning.mp4 Good morning!
    """

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout_seconds: float = 120.0,
        verify: bool | str | Path = True,
    ) -> None:
        """`base_url` None means the environment's AVATAR_URL, else localhost; `api_key` None that of AVATAR_API_KEY.

        `verify` is about https: a PEM file with the authority that signed the server's certificate, False to take any
        certificate, True for the public authorities or those of the environment's SSL_CERT_FILE.
        """
        self.base_url = base_url or default_url()
        self._http = httpx.Client(**connection(self.base_url, api_key, timeout_seconds, verify))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def transcribe(self, audio: Content, language: str | None = None) -> Transcription:
        """The words in a recording.

        >>> with AvatarClient() as client:
        ...     print(client.transcribe("question.wav", language="en").text)
        What is the capital of France?
        """
        return transcription_of(self._json("POST", "/transcribe", **asking.transcription(audio, language)))

    def chat(
        self,
        text: str | None = None,
        *,
        messages: Sequence[Said] = (),
        language: str | None = None,
        max_tokens: int | None = None,
    ) -> str:
        """The reply to a text, or to the last of `messages`."""
        ask = asking.chat(text, messages, language, max_tokens, stream=False)
        return str(self._json("POST", "/chat", **ask)["reply"])

    def chat_stream(
        self,
        text: str | None = None,
        *,
        messages: Sequence[Said] = (),
        language: str | None = None,
        max_tokens: int | None = None,
    ) -> Iterator[str]:
        """The same, piece by piece while it is made. Closing the iterator stops the work."""
        ask = asking.chat(text, messages, language, max_tokens, stream=True)
        with self._streamed("/chat", **ask) as answer:
            for name, content in messages_in(answer.iter_lines()):
                if name == "reply":
                    yield str(content["text"])

    def converse(
        self,
        audio: Content | None = None,
        *,
        text: str | None = None,
        history: Sequence[Said] = (),
        media: str = "fmp4",
        **spoken: Unpack[Spoken],
    ) -> Iterator[TurnEvent]:
        """One turn as events while it is made. Closing the iterator stops the work.

        `media`: fmp4 gives VideoPieces that are a fragmented MP4 together, mp4 one whole file at the end, none only
        Progress.

        >>> with AvatarClient() as client:
        ...     for event in client.converse(text="What is the capital of France?", media="none"):
        ...         if isinstance(event, ReplyPiece):
        ...             print(event.text, end="")
        Well, that is Paris, of course. Have you been there?
        """
        ask = asking.conversation(audio, text, history, spoken, format="events", media=media)
        with self._streamed("/conversation", **ask) as answer:
            yield from turn_events(answer.iter_lines())

    def fragments(
        self,
        audio: Content | None = None,
        *,
        text: str | None = None,
        history: Sequence[Said] = (),
        **spoken: Unpack[Spoken],
    ) -> Iterator[bytes]:
        """One turn as a fragmented MP4 while it is made, in pieces as they arrive."""
        ask = asking.conversation(audio, text, history, spoken, format="fmp4")
        with self._streamed("/conversation", **ask) as answer:
            yield from answer.iter_raw()

    def talk(
        self,
        audio: Content | None = None,
        *,
        text: str | None = None,
        history: Sequence[Said] = (),
        **spoken: Unpack[Spoken],
    ) -> Film:
        """One turn as a whole MP4.

        >>> with AvatarClient() as client:
        ...     film = client.talk("question.wav", avatar="astronaut")
        ...     print(film.report.transcript)
        What is the capital of France?
        """
        return self._film("/conversation", asking.conversation(audio, text, history, spoken, format="mp4"))

    def say(self, text: str, **spoken: Unpack[Spoken]) -> Film:
        """A text, spoken as it is, as a whole MP4."""
        return self._film("/generate", asking.generation(text, spoken, format="mp4"))

    def say_events(self, text: str, *, media: str = "fmp4", **spoken: Unpack[Spoken]) -> Iterator[TurnEvent]:
        """The same as events while it is made, with `media` as in `converse`."""
        with self._streamed("/generate", **asking.generation(text, spoken, format="events", media=media)) as answer:
            yield from turn_events(answer.iter_lines())

    def avatars(self) -> list[Avatar]:
        return [value_of(Avatar, entry) for entry in self._json("GET", "/v1/avatars")["avatars"]]

    def add_avatar(self, image: Content, *, consent: bool, name: str = "") -> Avatar:
        """Uploads a portrait. `consent`: the person in it agrees. It is deleted after the server's retention time."""
        return value_of(Avatar, self._json("POST", "/v1/avatars", **asking.new_avatar(image, consent, name)))

    def portrait(self, avatar_id: str) -> bytes:
        """An avatar's picture, as JPEG or PNG."""
        return self._sent("GET", asking.path("avatars", avatar_id, "portrait")).content

    def delete_avatar(self, avatar_id: str) -> None:
        self._sent("DELETE", asking.path("avatars", avatar_id))

    def voices(self) -> list[Voice]:
        return [value_of(Voice, entry) for entry in self._json("GET", "/v1/voices")["voices"]]

    def add_voice(self, audio: Content, *, consent: bool, name: str = "") -> Voice:
        """Uploads a sample, which the server matches to the voices it has. Consent and retention as with avatars."""
        return value_of(Voice, self._json("POST", "/v1/voices", **asking.new_voice(audio, consent, name)))

    def delete_voice(self, voice_id: str) -> None:
        self._sent("DELETE", asking.path("voices", voice_id))

    def health(self) -> Health:
        """Whether every stage works. Raises Unreachable where nothing answers; a stage that is down is an answer."""
        with translated(self.base_url):
            answer = self._http.get("/health")
        return health_of(answer)

    def _film(self, path: str, ask: dict[str, Any]) -> Film:
        return film_of(self._sent("POST", path, **ask).content)

    def _json(self, method: str, path: str, **ask: Any) -> Any:
        return self._sent(method, path, **ask).json()

    def _sent(self, method: str, path: str, **ask: Any) -> httpx.Response:
        with translated(self.base_url):
            answer = self._http.request(method, path, **ask)
        if answer.is_error:
            raise failure_of(answer.status_code, answer.content, answer.headers)
        return answer

    @contextmanager
    def _streamed(self, path: str, **ask: Any) -> Iterator[httpx.Response]:
        with translated(self.base_url), self._http.stream("POST", path, **ask) as answer:
            if answer.is_error:
                raise failure_of(answer.status_code, answer.read(), answer.headers)
            yield answer
