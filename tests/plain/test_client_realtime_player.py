"""The player without a screen, against a clock that stands still until it is moved."""

import pytest

from serve_app.client import Position, Stall, VirtualPlayer


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def player(clock: Clock) -> VirtualPlayer:
    return VirtualPlayer(clock)


def test_it_plays_in_wall_time(player: VirtualPlayer, clock: Clock) -> None:
    assert player.positions() == [] and player.remaining_seconds() == 0
    player.feed("a", 0, 200)
    clock.now += 0.15
    assert player.positions() == [Position("a", 150, stalled=False, over=False)]
    assert player.remaining_seconds() == pytest.approx(0.05)
    player.feed("a", 200, 200)
    clock.now += 0.15
    assert player.positions()[0].played_ms in (299, 300)
    assert player.began_at("a") == 100.0
    player.finish("a")
    clock.now += 1
    assert player.positions() == [Position("a", 400, stalled=False, over=True)]
    assert player.positions() == []
    assert player.stalls == []


def test_what_comes_too_late_is_a_stall_and_shifts_the_rest(player: VirtualPlayer, clock: Clock) -> None:
    player.feed("a", 0, 200)
    clock.now += 0.5
    assert player.positions() == [Position("a", 200, stalled=True, over=False)]
    player.feed("a", 200, 200)
    assert player.stalls == [Stall("a", 200, pytest.approx(0.3))]
    clock.now += 0.1
    assert player.positions()[0].played_ms in (299, 300)
    player.feed("a", 400, 200)
    clock.now += 0.305
    player.feed("a", 600, 200)
    assert len(player.stalls) == 1, "a few milliseconds are not seen"
    clock.now += 5
    player.finish("a")
    assert len(player.stalls) == 1, "the end of an answer is not a stall"


def test_answers_wait_for_each_other(player: VirtualPlayer, clock: Clock) -> None:
    player.feed("a", 0, 1000)
    player.finish("a")
    player.feed("b", 0, 500)
    assert player.remaining_seconds() == pytest.approx(1.5)
    clock.now += 1.2
    a, b = player.positions()
    assert (a.over, b.played_ms) == (True, pytest.approx(200, abs=1))


def test_stopped_means_silence_and_what_was_heard(player: VirtualPlayer, clock: Clock) -> None:
    player.feed("a", 0, 1000)
    clock.now += 0.4
    (cut,) = player.stop()
    assert (cut.response_id, cut.over) == ("a", True) and cut.played_ms in (399, 400)
    player.feed("a", 1000, 1000)
    assert player.remaining_seconds() == 0
    assert [position.played_ms for position in player.positions()] == [cut.played_ms]
    player.feed("a", 2000, 1000)
    assert player.positions() == [], "what still comes of a stopped answer is thrown away"
    player.feed("b", 0, 1000)
    clock.now += 0.5
    assert player.positions()[0].played_ms in (499, 500)
    assert player.stop() and player.stop() == []


def test_a_player_may_hold_the_first_fragment(clock: Clock) -> None:
    player = VirtualPlayer(clock, start_after_seconds=0.3)
    player.feed("a", 0, 200)
    clock.now += 0.4
    player.feed("a", 200, 200)
    assert player.stalls == [] and player.positions()[0].played_ms in (99, 100)
