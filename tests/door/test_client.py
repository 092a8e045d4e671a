"""The Python client against the doors over a socket; the examples in its documentation are run."""

import doctest
import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import serve_app.client.client
from deployments.errors import AtCapacity, AvatarError, BadInput, EngineFailed, NotFound, Unsupported
from deployments.store.store import Store
from serve_app.client import AsyncAvatarClient, AvatarClient, Done, Progress, ReplyPiece, Transcribed, VideoPiece
from serve_app.client.failures import Refused, Unreachable, failure_of
from serve_app.conversation import ConversationSettings
from serve_app.gateway.asgi import create_app
from serve_app.gateway.settings import GatewaySettings
from serve_app.turn_report import report_in
from tests.door.conftest import photo, wav
from tests.door.live import served_in_thread
from tests.fakes.frames import decoded
from tests.fakes.stages import FakeStages

QUESTION = "What is the capital of France?"
REPLY = "Well, that is Paris, of course. Have you been there?"


@pytest.fixture
def fakes() -> FakeStages:
    return FakeStages()


@pytest.fixture
def url(fakes: FakeStages, tmp_path: Path) -> Iterator[str]:
    app = create_app(fakes, Store(tmp_path / "store"), GatewaySettings(), ConversationSettings())
    with served_in_thread(app) as url:
        yield url


@pytest.fixture
def avatar(url: str) -> Iterator[AvatarClient]:
    with AvatarClient(url) as client:
        yield client


def test_words(avatar: AvatarClient, tmp_path: Path) -> None:
    file = tmp_path / "question.wav"
    file.write_bytes(wav())
    heard = avatar.transcribe(file, language="en")
    assert (heard.text, heard.language) == (QUESTION, "en")
    assert "asr" in heard.timings
    assert avatar.chat("Hello.") == REPLY
    history = [{"role": "user", "content": "Hello."}]
    pieces = list(avatar.chat_stream(messages=history, language="en"))  # type: ignore[arg-type]
    assert len(pieces) > 1
    assert "".join(pieces) == REPLY


def test_a_turn_as_film_fragments_and_events(avatar: AvatarClient, tmp_path: Path) -> None:
    film = avatar.talk(wav(), voice="af_heart", avatar="astronaut", seed=3)
    assert (film.report.transcript, film.report.reply) == (QUESTION, REPLY)
    assert film.save(tmp_path / "deep" / "out.mp4").read_bytes() == film.data
    stream = b"".join(avatar.fragments(text="Hello."))
    assert report_in(stream) is not None
    history = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
    events = list(avatar.converse(wav(), history=history, paced=False))  # type: ignore[arg-type]
    assert isinstance(events[0], Transcribed)
    assert events[0].text == QUESTION
    assert "".join(event.text for event in events if isinstance(event, ReplyPiece)) == REPLY
    joined = b"".join(event.data for event in events if isinstance(event, VideoPiece))
    assert isinstance(events[-1], Done)
    assert len(decoded(joined)[0]) == round(25 * events[-1].report.media_seconds)
    seconds = [event.seconds for event in avatar.converse(text="Hi.", media="none") if isinstance(event, Progress)]
    assert sum(seconds) > 0
    with pytest.raises(ValueError, match="either"):
        list(avatar.converse())


def test_scripts(avatar: AvatarClient) -> None:
    assert avatar.say("Good morning to you.", language="en").report.reply == "Good morning to you."
    last = list(avatar.say_events("Good morning to you.", media="mp4"))
    assert [event.kind for event in last if isinstance(event, VideoPiece)] == ["mp4"]


def test_faces_and_voices(avatar: AvatarClient) -> None:
    added = avatar.add_avatar(photo(), consent=True, name="Ana")
    assert added in avatar.avatars()
    assert avatar.portrait(added.id)[:2] == b"\xff\xd8"
    avatar.delete_avatar(added.id)
    voice = avatar.add_voice(wav(4), consent=True)
    assert voice in avatar.voices()
    avatar.delete_voice(voice.id)
    assert voice not in avatar.voices()
    with pytest.raises(BadInput, match="consent"):
        avatar.add_avatar(photo(), consent=False)
    with pytest.raises(NotFound):
        avatar.delete_voice("../../secrets")
    assert avatar.health().ok


def test_errors_are_those_of_the_server(avatar: AvatarClient, fakes: FakeStages) -> None:
    with pytest.raises(BadInput, match="empty") as caught:
        avatar.transcribe(b"")
    assert caught.value.__notes__[0].startswith("request ")
    with pytest.raises(Unsupported, match="tlh"):
        avatar.say("Qapla'!", language="tlh")
    fakes.errors["reply"] = AtCapacity("Full.", 7)
    with pytest.raises(AtCapacity) as full:
        avatar.chat("Hello.")
    assert full.value.retry_after_seconds == 7
    fakes.errors = {"speak": EngineFailed("The voice engine failed twice.")}
    with pytest.raises(EngineFailed, match="twice"):
        list(avatar.converse(text="Hello."))
    with pytest.raises(EngineFailed, match="twice"):
        list(avatar.fragments(text="Hello."))


def test_nobody_there() -> None:
    with AvatarClient("http://127.0.0.1:9") as client, pytest.raises(Unreachable, match="avatar serve"):
        client.health()


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"error": 5}'])
def test_answers_of_something_else(body: str) -> None:
    failure = failure_of(502, body, {})
    assert isinstance(failure, Refused)
    assert failure.status == 502
    known = failure_of(418, '{"error": {"code": "teapot", "message": "Short and stout."}}', {})
    assert (known.code, known.message) == ("teapot", "Short and stout.")
    assert isinstance(known, AvatarError)


def test_the_examples_in_the_documentation(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_URL", url)
    monkeypatch.chdir(tmp_path)
    Path("question.wav").write_bytes(wav())
    names = {"ReplyPiece": ReplyPiece}
    found = doctest.testmod(serve_app.client.client, extraglobs=names)
    assert (found.failed, found.attempted > 4) == (0, True)
    assert os.path.exists("out/morning.mp4")


async def test_the_same_to_be_awaited(url: str, tmp_path: Path) -> None:
    async with AsyncAvatarClient(url) as client:
        assert (await client.health()).ok
        assert (await client.transcribe(wav())).text == QUESTION
        assert await client.chat("Hello.") == REPLY
        assert "".join([piece async for piece in client.chat_stream("Hello.")]) == REPLY
        assert (await client.talk(wav())).report.reply == REPLY
        assert (await client.say("Good morning.")).report.reply == "Good morning."
        assert report_in(b"".join([part async for part in client.fragments(text="Hello.")])) is not None
        for events in (client.converse(text="Hello.", media="none"), client.say_events("Hello.", media="none")):
            assert isinstance([event async for event in events][-1], Done)
        added = await client.add_avatar(photo(), consent=True)
        assert added in await client.avatars()
        assert await client.portrait(added.id)
        await client.delete_avatar(added.id)
        voice = await client.add_voice(wav(4), consent=True)
        assert voice in await client.voices()
        await client.delete_voice(voice.id)
        with pytest.raises(NotFound):
            await client.say("Hello.", voice=voice.id)
        with pytest.raises(NotFound):
            [event async for event in client.say_events("Hello.", avatar="nobody")]


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        public = {name: value for name, value in vars(kind).items() if not name.startswith("_") and name != "close"}
        return {name: list(inspect.signature(value).parameters) for name, value in public.items()}

    # a conversation that is spoken and heard at once needs an event loop
    assert methods(AvatarClient) == {name: of for name, of in methods(AsyncAvatarClient).items() if name != "realtime"}
