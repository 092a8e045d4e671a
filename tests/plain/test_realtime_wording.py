"""How much of a spoken answer somebody heard, and what the conversation keeps of it."""

import asyncio
import json

import pytest

from deployments.contracts import Message
from deployments.errors import NotFound
from serve_app.realtime.failures import InvalidEvent
from serve_app.realtime.items import History, Item
from serve_app.realtime.outbox import Outbox
from serve_app.realtime.wording import Wording, joined

ENGLISH = Wording([("Well, yes.", 0.0), ("It is the city of light,", 1.0), ("of course.", 3.0)], 4.0, True)
CHINESE = Wording([("你好，", 0.0), ("今天天气很好。", 1.0)], 3.1, True)


@pytest.mark.parametrize(
    ("seconds", "heard"),
    [
        (0.0, ""),
        (0.3, ""),
        (0.6, "Well,"),
        (1.0, "Well, yes."),
        (1.9, "Well, yes. It is the"),
        (2.95, "Well, yes. It is the city of"),
        (3.0, "Well, yes. It is the city of light,"),
        (4.0, "Well, yes. It is the city of light, of course."),
    ],
)
def test_whole_clauses_and_whole_words_of_the_one_under_way(seconds: float, heard: str) -> None:
    assert ENGLISH.heard(seconds) == heard


@pytest.mark.parametrize(
    ("seconds", "heard"), [(0.5, "你"), (1.0, "你好，"), (1.95, "你好，今天天"), (3.1, "你好，今天天气很好。")]
)
def test_in_chinese_whole_characters(seconds: float, heard: str) -> None:
    assert CHINESE.heard(seconds) == heard


def test_the_end_of_a_clause_that_is_still_spoken_is_estimated() -> None:
    wording = Wording([("one two three four five six", 0.0)], seconds=0.5)
    assert wording.heard(0.5) == "one two"


def test_clauses_join_to_text() -> None:
    assert joined("Hello,", "you.") == "Hello, you."
    assert joined("你好，", "世界") == "你好，世界"
    wording = Wording()
    assert [wording.add(text, at) for at, text in enumerate(("Yes,", "no.", "好。"))] == ["Yes,", " no.", "好。"]


def test_a_cut_may_be_corrected_either_way() -> None:
    item = Item("a", "assistant", "output_audio", ENGLISH.text, wording=ENGLISH)
    assert item.cut(1.0) == "Well, yes."
    assert item.cut(3.0) == "Well, yes. It is the city of light,"
    assert item.cut(4.0) == ENGLISH.text
    with pytest.raises(InvalidEvent):
        item.cut(9.0)
    with pytest.raises(InvalidEvent):
        Item("b", "user", "input_text", "Hello").cut(1.0)


def test_items_survive_json() -> None:
    for item in (
        Item("a", "assistant", "output_audio", "x", "incomplete", ENGLISH),
        Item("b", "user", "input_text", "y"),
    ):
        assert Item.from_state(json.loads(json.dumps(item.as_state()))) == item


def test_a_history_is_what_was_said_in_order() -> None:
    history = History()
    assert history.add(Item("b", "user", "input_text", "two")) is None
    assert history.add(Item("a", "system", "input_text", "one"), after="root") is None
    assert history.add(Item("x", "user", "input_audio", None), after="a") == "a"
    assert history.before("b") == "x" and history.last_id == "b"
    assert history.messages() == (Message("system", "one"), Message("user", "two")), "what has no words is not read"
    assert history.messages(without="b") == (Message("system", "one"),)
    with pytest.raises(NotFound):
        history.add(Item("c", "user", "input_text", "?"), after="nobody")
    with pytest.raises(InvalidEvent):
        history.add(Item("a", "user", "input_text", "?"))
    history.remove("x")
    with pytest.raises(NotFound):
        history.find("x")


async def test_media_wait_for_room_and_events_do_not() -> None:
    sent: list[str | bytes] = []
    gate = asyncio.Event()

    async def send(content: str | bytes) -> None:
        await gate.wait()
        sent.append(content)

    outbox = Outbox(send, limit_bytes=1000)
    running = asyncio.create_task(outbox.run())
    await outbox.put_media(1, bytes(1200))
    waiting = asyncio.create_task(outbox.put_media(1, b"late"))
    outbox.put("news", number=1)
    await asyncio.sleep(0.02)
    assert not waiting.done() and not sent and outbox.blocked_seconds > 0
    gate.set()
    await waiting
    await asyncio.sleep(0.02)
    assert [content if isinstance(content, bytes) else json.loads(content)["type"] for content in sent[1:]] == [
        "news",
        b"late",
    ]
    running.cancel()


async def test_what_is_discarded_is_not_sent() -> None:
    sent: list[str | bytes] = []

    async def send(content: str | bytes) -> None:
        sent.append(content)

    outbox = Outbox(send, limit_bytes=10)
    await outbox.put_media(1, b"old media of eleven")
    waiting = asyncio.create_task(outbox.put_media(2, b"new"))
    await asyncio.sleep(0)
    outbox.discard(1)
    await waiting
    running = asyncio.create_task(outbox.run())
    await asyncio.sleep(0.01)
    assert sent == [b"new"]
    running.cancel()


async def test_a_client_that_takes_nothing_fills_the_outbox_up_to_a_limit() -> None:
    async def send(content: str | bytes) -> None:
        raise AssertionError("not run")

    outbox = Outbox(send, limit_bytes=1000)
    for _ in range(100):
        outbox.put("news", text="x" * 100)
    assert outbox.full
