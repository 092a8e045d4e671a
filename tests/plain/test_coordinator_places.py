"""A gateway's places: taken for a block, given back in every case, and counted alone while the Coordinator is away."""

import asyncio
from typing import Any

import pytest

from deployments.errors import AtCapacity, CoordinatorAway, RateLimited
from serve_app.coordinator.contracts import Load, PlaceRequest, Standing
from serve_app.coordinator.people import WaitingRoom
from serve_app.coordinator.places import Place, Places
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.identity import Identity

ANYBODY = Identity()
SETTINGS = CoordinatorSettings(max_people=1, poll_seconds=0.01, turn_seconds=7, beat_seconds=0.01)


class Line:
    """The waiting room at the end of a line that can be cut. Implements `People`."""

    def __init__(self, settings: CoordinatorSettings = SETTINGS) -> None:
        self.cut = False
        self.settings = settings
        self.room = WaitingRoom(settings)

    def restart(self) -> None:
        self.room = WaitingRoom(self.settings)

    def _check(self) -> None:
        if self.cut:
            raise CoordinatorAway("It is away.")

    async def ask(self, request: PlaceRequest, patience_seconds: float = 0.0, queue: bool = True) -> Standing:
        self._check()
        return await self.room.ask(request, patience_seconds, queue)

    async def leave(self, place_id: str, unused: bool = False) -> None:
        self._check()
        await self.room.leave(place_id, unused)

    async def beat(self, gateway_id: str, place_ids: tuple[str, ...], session_ids: tuple[str, ...]) -> Load:
        self._check()
        return await self.room.beat(gateway_id, place_ids, session_ids)


@pytest.fixture
def line() -> Line:
    return Line()


def gateway(line: Line, name: str = "g1", settings: CoordinatorSettings = SETTINGS, **more: Any) -> Places:
    return Places(line, settings, name, **more)


async def settled() -> None:
    """What was begun in the background is done."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_place_is_taken_for_the_block(line: Line) -> None:
    counted: list[int] = []
    places = gateway(line, changed=counted.append)
    async with places.place(ANYBODY):
        assert (places.now, line.room.load().answered) == (1, 1)
        with pytest.raises(AtCapacity):
            places.check(ANYBODY)
    places.check(ANYBODY)
    await settled()
    assert (places.now, line.room.load().answered, counted) == (0, 0, [1, 0])


async def test_who_has_just_left_is_not_taken_for_somebody_elsewhere(line: Line) -> None:
    places = gateway(line)
    request = PlaceRequest("on its way back", "g1")
    await line.room.ask(request)  # held by this gateway a moment ago; the Coordinator has not heard of its end
    await places.beat_once()
    places.check(ANYBODY)
    await line.room.ask(PlaceRequest("another's", "g2"))
    await line.room.leave(request.place_id)
    await line.room.ask(PlaceRequest("another's", "g2"))
    await places.beat_once()
    with pytest.raises(AtCapacity):
        places.check(ANYBODY)


async def test_without_a_queue_the_no_is_quick_and_says_the_position(line: Line) -> None:
    places = gateway(line)
    async with places.place(ANYBODY):
        with pytest.raises(AtCapacity, match="number 1 in the queue") as refused:
            async with places.place(ANYBODY):
                raise AssertionError("there was no place")
        assert refused.value.retry_after_seconds == 7
        assert line.room.load().waiting == 0


async def test_two_gateways_share_the_places(line: Line) -> None:
    one, other = gateway(line, "g1"), gateway(line, "g2")
    async with one.place(ANYBODY):
        with pytest.raises(AtCapacity):
            async with other.place(ANYBODY):
                raise AssertionError("there was no place")
        await other.beat_once()
        with pytest.raises(AtCapacity):
            other.check(ANYBODY)
    await settled()
    await other.beat_once()
    other.check(ANYBODY)


async def test_who_waits_is_told_the_position_until_let_in(line: Line) -> None:
    places = gateway(line)
    told: list[Standing] = []

    async def waiting(standing: Standing) -> None:
        told.append(standing)

    async def wait() -> None:
        async with places.place(ANYBODY, waiting):
            assert line.room.load().answered == 1

    async with places.place(ANYBODY):
        task = asyncio.create_task(wait())
        async with asyncio.timeout(5):
            while len(told) < 3:
                await asyncio.sleep(0.005)
    await asyncio.wait_for(task, 5)
    assert all(standing.position == 1 and standing.wait_seconds > 0 for standing in told)
    await settled()
    assert line.room.load().answered == 0


async def test_whoever_is_cancelled_gives_the_place_back(line: Line) -> None:
    places = gateway(line)
    entered = asyncio.Event()

    async def answer() -> None:
        async with places.place(ANYBODY):
            entered.set()
            await asyncio.sleep(60)

    async def wait() -> None:
        async with places.place(ANYBODY, _nothing):
            raise AssertionError("there was no place")

    answering = asyncio.create_task(answer())
    await entered.wait()
    waiting = asyncio.create_task(wait())
    while not line.room.load().waiting:
        await asyncio.sleep(0.001)
    for task in (waiting, answering):
        task.cancel()
        await asyncio.wait((task,))
        await settled()
    load = line.room.load()
    assert (load.answered, load.waiting, places.now) == (0, 0, 0)


async def test_cancelled_while_the_question_is_under_way(line: Line) -> None:
    """The Coordinator may have granted it just then: the place is given back all the same."""

    class Slow(Line):
        async def ask(self, request: PlaceRequest, patience_seconds: float = 0.0, queue: bool = True) -> Standing:
            standing = await super().ask(request, patience_seconds, queue)
            await asyncio.sleep(60)
            return standing

    line = Slow()
    places = gateway(line)

    async def answer() -> None:
        async with places.place(ANYBODY):
            raise AssertionError("the answer never came")

    task = asyncio.create_task(answer())
    while not line.room.load().answered:
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.wait((task,))
    await settled()
    assert line.room.load().answered == 0


async def _nothing(standing: Standing) -> None:
    """Hears the position and does nothing."""


async def test_a_place_free_again_is_taken_by_the_next_question_at_once(line: Line) -> None:
    places = gateway(line)
    for _ in range(20):
        async with places.place(ANYBODY):
            pass


async def test_limits_of_a_key(line: Line) -> None:
    wide = CoordinatorSettings(max_people=4)
    line = Line(wide)
    places = gateway(line, settings=wide)
    ana = Identity("ana", concurrent_turns=1, turns_per_minute=2)
    async with places.place(ana):
        with pytest.raises(RateLimited):
            places.check(ana)
        with pytest.raises(RateLimited):
            async with places.place(ana):
                raise AssertionError("one at a time")
    async with places.place(ana, turn=False):
        pass
    async with places.place(ana) as speculation:
        speculation.unused = True
    async with places.place(ana):
        pass
    with pytest.raises(RateLimited, match="a minute"):
        async with places.place(ana):
            raise AssertionError("two a minute")


async def test_without_the_coordinator_people_are_let_in_by_the_gateways_own_count(line: Line) -> None:
    places = gateway(line)
    async with places.place(ANYBODY) as first:
        line.cut = True
        with pytest.raises(AtCapacity):
            async with places.place(ANYBODY):
                raise AssertionError("the place is taken")
        assert not places.connected
    async with places.place(ANYBODY) as second:
        line.cut = False
        line.restart()
        await places.beat_once()
        assert places.connected
        assert line.room.load().answered == 1, "the new one has learnt of it"
        with pytest.raises(AtCapacity):
            async with places.place(ANYBODY):
                raise AssertionError("the place is taken")
    await settled()
    assert line.room.load().answered == 0
    assert isinstance(first, Place) and first.id != second.id


async def test_who_waits_goes_on_waiting_over_a_restart(line: Line) -> None:
    places = gateway(line)
    let_in = asyncio.Event()

    async def wait() -> None:
        async with places.place(ANYBODY, _nothing):
            let_in.set()

    async with places.beating(), places.place(ANYBODY):
        task = asyncio.create_task(wait())
        await asyncio.sleep(0.03)
        line.cut = True
        await asyncio.sleep(0.03)
        assert not places.connected
        line.cut = False
        line.restart()
        async with asyncio.timeout(5):
            while not places.connected:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.03)
        assert not let_in.is_set()
        assert line.room.load().waiting == 1
    await asyncio.wait_for(task, 5)


async def test_a_session_is_held_for_as_long_as_it_is_open(line: Line) -> None:
    held: list[tuple[str, ...]] = []

    class Noting(Line):
        async def beat(self, gateway_id: str, place_ids: tuple[str, ...], session_ids: tuple[str, ...]) -> Load:
            held.append(session_ids)
            return await super().beat(gateway_id, place_ids, session_ids)

    places = gateway(Noting())
    with places.session("s1"):
        with places.session("s1"):  # taken over by a second connection, before the first has gone
            pass
        await places.beat_once()
    await places.beat_once()
    assert held == [("s1",), ()]


async def test_the_periods_are_those_of_the_settings(line: Line) -> None:
    """Positions are told, and signs of life given, as often as the settings say."""
    told: list[Standing] = []

    async def waiting(standing: Standing) -> None:
        told.append(standing)

    async def wait(places: Places) -> None:
        async with places.place(ANYBODY, waiting):
            raise AssertionError("there was no place")

    rare = SETTINGS.model_copy(update={"poll_seconds": 30.0, "beat_seconds": 30.0})
    async with gateway(line).place(ANYBODY):
        for settings, least, most in ((SETTINGS, 4, 1000), (rare, 1, 2)):
            places, told[:] = gateway(line, "g2", settings), []
            async with places.beating():
                await asyncio.sleep(0.02)
                task = asyncio.create_task(wait(places))
                await asyncio.sleep(0.2)
                assert least <= len(told) <= most
                assert places.load.waiting == (1 if settings is SETTINGS else 0), "as of the last sign of life"
                task.cancel()
                await asyncio.wait((task,))
