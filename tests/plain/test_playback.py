"""How far the listener is, by its reports or by the clock, and what is held back."""

import pytest

from deployments.contracts import Message, ReplyRequest, SpeechRequest
from serve_app.conversation import ConversationSettings, converse
from serve_app.events import Ended, Event, Media, TurnRequest
from serve_app.playback import REPORT_LIFE_SECONDS, Playback
from tests.fakes.stages import FakeStages


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_reports_playback_follows_the_clock() -> None:
    clock = Clock()
    playback = Playback(clock)
    assert not playback.started and playback.buffered_seconds == 0
    playback.sent(2.0)
    clock.now += 0.5
    assert playback.started and playback.buffered_seconds == pytest.approx(1.5)
    clock.now += 5
    assert playback.buffered_seconds == 0 and playback.played_seconds == 2.0


def test_a_report_is_carried_on_for_a_while_and_no_longer() -> None:
    clock = Clock()
    playback = Playback(clock)
    playback.sent(10.0)
    clock.now += 1
    playback.report(0.2)
    assert playback.played_seconds == pytest.approx(0.2)
    clock.now += 0.5
    assert playback.played_seconds == pytest.approx(0.7)
    clock.now += 60
    assert playback.played_seconds == pytest.approx(0.2 + REPORT_LIFE_SECONDS)


def test_a_stalled_listener_stands_still() -> None:
    clock = Clock()
    playback = Playback(clock)
    playback.sent(10.0)
    playback.report(1.0, stalled=True)
    clock.now += 5
    assert playback.played_seconds == pytest.approx(1.0)
    playback.report(0.5)
    assert playback.played_seconds == pytest.approx(1.0), "positions never go back"
    playback.report(50.0)
    assert playback.played_seconds == pytest.approx(10.0), "nor beyond what was sent"


def test_what_is_held_back_is_not_played() -> None:
    clock = Clock()
    playback = Playback(clock, held=True)
    playback.sent(3.0)
    clock.now += 2
    assert playback.started and playback.buffered_seconds == 3.0
    playback.release()
    clock.now += 1
    assert playback.buffered_seconds == pytest.approx(2.0)


async def turn(request: TurnRequest, stages: FakeStages) -> list[Event]:
    return [event async for event in converse(request, stages, ConversationSettings())]


async def test_a_turn_without_a_picture_is_all_its_sound_and_asks_no_video() -> None:
    stages = FakeStages()
    events = await turn(TurnRequest("t", text="Hello?", picture=False), stages)
    media = [event for event in events if isinstance(event, Media)]
    spoken = sum(len(asked.text.split()) for asked in stages.asked("speak") if isinstance(asked, SpeechRequest)) * 0.3
    assert not stages.asked("step") and all(not event.frames for event in media) and len(media) > 3
    assert sum(event.seconds for event in media) == pytest.approx(spoken, abs=0.05)
    assert isinstance(events[-1], Ended) and events[-1].filled_seconds == 0


async def test_instructions_length_and_speed_reach_the_stages() -> None:
    stages = FakeStages()
    await turn(TurnRequest("t", text="Hello?", instructions="Be brief.", max_tokens=9, speed=1.2), stages)
    (reply,) = stages.asked("reply")
    assert isinstance(reply, ReplyRequest) and reply.messages == (Message("user", "Hello?"),)
    assert (reply.instructions, reply.max_tokens) == ("Be brief.", 9)
    assert {asked.speed for asked in stages.asked("speak") if isinstance(asked, SpeechRequest)} == {1.2}
