"""When a turn begins, pauses and ends: the state machine over made-up probabilities."""

import pytest

from serve_app.realtime.hearing.activity import WINDOW_MS
from serve_app.realtime.hearing.events import EarEvent, Lengthened, Paused, Resumed, Started, Stopped
from serve_app.realtime.hearing.settings import EarSettings, TurnDetection
from serve_app.realtime.hearing.turns import TurnTaker


def taken(
    spoken: str, settings: EarSettings | None = None, detection: TurnDetection | None = None, needed_ms: int = 96
) -> list[tuple[int, EarEvent]]:
    """(window, event). `spoken`: a digit for each window, ten times its probability; "x" is 1."""
    turns = TurnTaker(settings or EarSettings(), detection or TurnDetection())
    found: list[tuple[int, EarEvent]] = []
    for index, mark in enumerate(spoken):
        probability = 1.0 if mark == "x" else int(mark) / 10
        found += [(index, event) for event in turns.hear(probability, index * WINDOW_MS, needed_ms)]
    return found


def kinds(events: list[tuple[int, EarEvent]]) -> list[str]:
    return [type(event).__name__ for _, event in events]


SAID = "0" * 10 + "x" * 20 + "0" * 30


def test_a_turn_starts_pauses_and_stops_with_its_times() -> None:
    start, end = 10 * WINDOW_MS, 30 * WINDOW_MS
    assert taken(SAID) == [
        (12, Started(start, start - 300)),
        (34, Paused(end)),
        (45, Stopped(end, 46 * WINDOW_MS)),
    ]


def test_speech_after_a_pause_goes_on_with_the_turn() -> None:
    events = taken("x" * 10 + "0" * 8 + "x" * 10 + "0" * 20)
    assert kinds(events) == ["Started", "Paused", "Resumed", "Paused", "Stopped"]
    assert events[2][1] == Resumed(18 * WINDOW_MS)
    assert events[4][1].at_ms == 28 * WINDOW_MS


def test_between_the_thresholds_nothing_changes() -> None:
    assert taken("4" * 100) == []
    assert kinds(taken("xxx" + "4" * 20)) == ["Started"]  # 4 is neither speech nor silence
    assert kinds(taken("xx4x")) == ["Started"]
    assert kinds(taken("xxx" + "03333" + "4" * 20)) == ["Started", "Paused", "Stopped"]


def test_short_bursts_neither_begin_a_turn_nor_go_on_with_one() -> None:
    assert taken("xx00xx00xx00xx00") == []
    assert kinds(taken("xxx" + "00000000x00000000x0000000")) == ["Started", "Paused", "Stopped"]


def test_long_speech_is_looked_at_every_second() -> None:
    events = [event for _, event in taken("x" * 100)]
    assert [event.at_ms for event in events if isinstance(event, Lengthened)] == [1024, 2048, 3072]


def test_two_turns_are_two() -> None:
    assert kinds(taken(SAID + SAID)) == ["Started", "Paused", "Stopped"] * 2


def test_a_turn_can_be_ended_by_force() -> None:
    turns = TurnTaker(EarSettings(), TurnDetection())
    assert turns.end(0) == []
    for index in range(5):
        turns.hear(1.0, index * WINDOW_MS, 96)
    assert turns.end(160) == [Stopped(160, 160)]
    assert not turns.speaking


def test_more_speech_may_be_asked_for() -> None:
    turns = TurnTaker(EarSettings(), TurnDetection())
    for index in range(5):
        assert not turns.begins(1.0, 200)
        assert turns.hear(1.0, index * WINDOW_MS, 200) == []
    assert turns.begins(1.0, 200) and not turns.begins(0.1, 200)
    turns.owe(200, 96)
    heard = [turns.hear(1.0, index * WINDOW_MS, 200) for index in range(6, 9)]
    assert heard[:2] == [[], []] and isinstance(heard[2][0], Started)


@pytest.mark.parametrize(
    ("settings", "detection", "spoken"),
    [
        (EarSettings(start_ms=320), None, "x" * 6 + "0" * 20),
        (EarSettings(speculate_ms=300), None, SAID),
        (EarSettings(resume_ms=256), None, "x" * 5 + "0" * 6 + "xxx" + "0" * 20),
        (EarSettings(hysteresis=0.0), None, "xxx" + "4" * 30),
        (EarSettings(lengthened_ms=200), None, SAID),
        (None, TurnDetection(threshold=0.9), "0" * 5 + "8" * 10 + "0" * 20),
        (None, TurnDetection(silence_duration_ms=900), SAID),
        (None, TurnDetection(prefix_padding_ms=100), SAID),
    ],
)
def test_every_knob_changes_what_is_noticed(
    settings: EarSettings | None, detection: TurnDetection | None, spoken: str
) -> None:
    needed = settings.start_ms if settings else 96
    assert taken(spoken, settings, detection, needed) != taken(spoken)
