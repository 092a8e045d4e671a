"""The waiting room, on a clock of its own: who is let in, who waits for how long, who is forgotten."""

import asyncio
from typing import Any

import pytest

from deployments.errors import AtCapacity, RateLimited
from serve_app.coordinator.contracts import Load, PlaceRequest, Standing
from serve_app.coordinator.people import WaitingRoom
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.coordinator.waits import Waits


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def room(clock: Clock, **knobs: Any) -> WaitingRoom:
    return WaitingRoom(CoordinatorSettings(**{"max_people": 1, "turn_seconds": 10, **knobs}), clock=clock)


def person(place_id: str, gateway_id: str = "g1", **limits: Any) -> PlaceRequest:
    return PlaceRequest(place_id, gateway_id, **limits)


async def test_people_are_let_in_up_to_the_number_configured(clock: Clock) -> None:
    people = room(clock, max_people=2)
    assert await people.ask(person("a")) == Standing(True)
    assert await people.ask(person("b")) == Standing(True)
    third = await people.ask(person("c"))
    assert (third.granted, third.position) == (False, 1)
    assert people.load() == Load(2, 1, 2, wait_seconds=10.0)


async def test_asking_again_and_leaving_twice_do_no_harm(clock: Clock) -> None:
    people = room(clock)
    for _ in range(2):
        assert await people.ask(person("a")) == Standing(True)
    for _ in range(2):
        assert (await people.ask(person("b"))).position == 1
    for _ in range(2):
        await people.leave("a")
    await people.leave("nobody")
    assert people.load().answered == 1, "b has moved up, once"


async def test_first_come_first_served(clock: Clock) -> None:
    people = room(clock)
    await people.ask(person("a"))
    polls = [asyncio.create_task(people.ask(person(name), patience_seconds=30)) for name in "bcd"]
    await asyncio.sleep(0)
    assert [(await people.ask(person(name))).position for name in "bcd"] == [1, 2, 3]
    for left, polled in zip("abc", polls, strict=True):
        await people.leave(left)
        assert await asyncio.wait_for(polled, 1) == Standing(True)


async def test_nobody_jumps_the_queue(clock: Clock) -> None:
    people = room(clock, max_people=2)
    for name in "abc":
        await people.ask(person(name))
    unqueued = await people.ask(person("d"), queue=False)
    assert (unqueued.granted, unqueued.position) == (False, 2)
    assert people.load().waiting == 1, "it has taken no place in the queue"
    await people.leave("a")
    assert (people.load().answered, people.load().waiting) == (2, 0), "c was let in without being asked"
    assert await people.ask(person("c")) == Standing(True)


async def test_a_wait_ends_with_the_patience_and_goes_on_with_the_next_question(clock: Clock) -> None:
    people = room(clock)
    await people.ask(person("a"))
    assert (await people.ask(person("b"), patience_seconds=0.01)).position == 1
    assert (await people.ask(person("c"), patience_seconds=0.01)).position == 2
    await people.leave("b")
    assert (await people.ask(person("c"))).position == 1


async def test_a_full_queue_refuses_and_says_when_to_come_back(clock: Clock) -> None:
    people = room(clock, max_waiting=1)
    await people.ask(person("a"))
    await people.ask(person("b"))
    with pytest.raises(AtCapacity, match="1 people wait already") as refused:
        await people.ask(person("c"))
    assert (refused.value.retry_after_seconds, refused.value.position) == (20, 2)


async def test_a_wait_has_an_end(clock: Clock) -> None:
    people = room(clock, max_wait_seconds=60, gateway_silence_seconds=100, waiting_silence_seconds=100)
    await people.ask(person("a"))
    await people.ask(person("b"))
    clock.now += 61
    with pytest.raises(AtCapacity, match="waited for too long"):
        await people.ask(person("b"))
    assert people.load().waiting == 0


async def test_waits_are_told_by_what_was_measured(clock: Clock) -> None:
    people = room(clock)
    for number in range(4):
        await people.ask(person(f"p{number}"))
        clock.now += 4
        await people.leave(f"p{number}")
    await people.ask(person("a"))
    clock.now += 1
    assert (await people.ask(person("b"))).wait_seconds == pytest.approx(3.0)
    assert (await people.ask(person("c"))).wait_seconds == pytest.approx(7.0)


def test_the_estimate_plays_the_queue_through() -> None:
    waits = Waits(10.0)
    assert waits.estimate(1, [], 1) == 0.0
    assert waits.estimate(1, [8.0], 1) == 2.5, "longer than a quarter of the mean it may always take"
    assert waits.estimate(1, [2.0, 5.0], 2) == 5.0
    assert waits.estimate(2, [2.0, 5.0], 2) == 8.0
    assert waits.estimate(3, [2.0, 5.0], 2) == 15.0
    assert waits.estimate(1, [0.0, 2.0, 5.0], 2) == 8.0, "one more than there are places has to leave first"
    for seconds in (2.0, 4.0, 30.0):
        waits.held(seconds)
    assert waits.estimate(1, [10.0], 1) == 20.0, "of those held longer than this"
    assert waits.estimate(1, [40.0], 1) == 3.0


async def test_a_silent_gateway_loses_its_places_and_its_queue(clock: Clock) -> None:
    people = room(clock, gateway_silence_seconds=15)
    await people.ask(person("a"))
    await people.ask(person("b"))
    clock.now += 10
    await people.ask(person("c", "g2"))
    clock.now += 6
    assert await people.ask(person("c", "g2")) == Standing(True)
    assert people.load() == Load(1, 0, 1, wait_seconds=10.0)


async def test_signs_of_life_keep_places(clock: Clock) -> None:
    people = room(clock, gateway_silence_seconds=15)
    await people.ask(person("a"))
    for _ in range(10):
        clock.now += 10
        assert (await people.beat("g1", ("a",), ())).answered == 1


async def test_who_waits_and_asks_no_more_is_forgotten(clock: Clock) -> None:
    people = room(clock, waiting_silence_seconds=5)
    await people.ask(person("a"))
    await people.ask(person("b"))
    polling = asyncio.create_task(people.ask(person("c"), patience_seconds=30))
    await asyncio.sleep(0)
    clock.now += 6
    await people.beat("g1", ("a",), ())
    assert people.load().waiting == 1, "c asks still"
    await people.leave("a")
    assert await asyncio.wait_for(polling, 1) == Standing(True)


async def test_a_new_coordinator_learns_who_is_answered_above_capacity_too(clock: Clock) -> None:
    people = room(clock, max_people=1)
    assert (await people.beat("g1", ("a", "b"), ())).answered == 2
    assert not (await people.ask(person("c"))).granted
    await people.leave("a")
    assert not (await people.ask(person("c"))).granted, "one too many was answered"
    await people.leave("b")
    assert (await people.ask(person("c"))).granted


async def test_a_place_that_its_gateway_does_not_know_is_free_again(clock: Clock) -> None:
    """The answer to the question got lost, or the word that the place was given back."""
    people = room(clock)
    await people.ask(person("a"))
    assert (await people.beat("g1", (), ())).answered == 1, "the answer may still be on its way"
    clock.now += 6
    assert (await people.beat("g2", (), ())).answered == 1, "another gateway has no say"
    assert (await people.beat("g1", (), ())).answered == 0


async def test_a_late_sign_of_life_does_not_bring_back_who_has_left(clock: Clock) -> None:
    people = room(clock)
    await people.ask(person("a"))
    await people.leave("a")
    assert (await people.beat("g1", ("a",), ())).answered == 0


async def test_a_key_has_so_many_turns_at_once(clock: Clock) -> None:
    people = room(clock, max_people=4)
    ana = {"owner": "ana", "most_for_owner": 1}
    await people.ask(person("a", **ana))
    assert await people.ask(person("a", **ana)) == Standing(True), "the same one asks again"
    with pytest.raises(RateLimited, match="1 turns at once"):
        await people.ask(person("b", **ana))
    assert (await people.ask(person("c", owner="ben", most_for_owner=1))).granted
    await people.leave("a")
    assert (await people.ask(person("b", **ana))).granted


async def test_waiting_counts_as_a_turn_at_once(clock: Clock) -> None:
    people = room(clock)
    await people.ask(person("a"))
    await people.ask(person("b", owner="ana", most_for_owner=1))
    with pytest.raises(RateLimited):
        await people.ask(person("c", owner="ana", most_for_owner=1))


async def test_a_key_has_so_many_turns_a_minute(clock: Clock) -> None:
    people = room(clock, gateway_silence_seconds=1000)

    async def turn(name: str, unused: bool = False) -> None:
        await people.ask(person(name, owner="ana", turns_per_minute=2))
        await people.leave(name, unused)

    await turn("a")
    clock.now += 20
    await turn("b")
    with pytest.raises(RateLimited, match="2 turns a minute") as refused:
        await turn("c")
    assert refused.value.retry_after_seconds == 40
    clock.now += 40
    await turn("c", unused=True)
    await turn("d")
    with pytest.raises(RateLimited):
        await turn("e")


async def test_what_is_counted(clock: Clock) -> None:
    class Notes:
        def __init__(self) -> None:
            self.told: list[Any] = []

        def present(self, answered: int, waiting: int) -> None:
            self.told.append((answered, waiting))

        def waited(self, seconds: float) -> None:
            self.told.append(seconds)

        def refused(self, code: str) -> None:
            self.told.append(code)

        def sessions(self, kept: int) -> None: ...

    notes = Notes()
    people = WaitingRoom(CoordinatorSettings(max_people=1, max_waiting=1), notes, clock)
    await people.ask(person("a"))
    await people.ask(person("b"))
    clock.now += 3
    with pytest.raises(AtCapacity):
        await people.ask(person("c"))
    with pytest.raises(RateLimited):
        await people.ask(person("d", owner="ana", most_for_owner=0))
    await people.leave("a")
    assert [told for told in notes.told if told in (0.0, 3.0, "at_capacity", "rate_limited")] == [
        0.0,
        "at_capacity",
        "rate_limited",
        3.0,
    ]
    assert (1, 1) in notes.told and notes.told[-1] == (1, 0)


async def test_who_hung_up_while_asking_gets_no_place(clock: Clock) -> None:
    people = room(clock)
    await people.leave("a")  # it overtook the question
    assert await people.ask(person("a")) == Standing(False)
    assert people.load().answered == 0


async def test_a_gateway_learns_how_many_are_answered_elsewhere(clock: Clock) -> None:
    people = room(clock, max_people=3)
    for place_id, gateway_id in (("a", "g1"), ("b", "g2"), ("c", "g2")):
        await people.ask(person(place_id, gateway_id))
    assert (await people.beat("g1", (), ())).elsewhere == 2
    assert (await people.beat("g2", ("b", "c"), ())).elsewhere == 1
