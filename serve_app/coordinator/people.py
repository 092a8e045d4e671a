"""The waiting room: who is being answered, who waits, and for how long that will be."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from deployments.errors import AtCapacity
from serve_app.coordinator.contracts import Load, PlaceRequest, Standing
from serve_app.coordinator.meter import PeopleMeter, Unwatched
from serve_app.coordinator.owners import Owners
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.coordinator.waits import Waits

_REMEMBER_LEFT_SECONDS = 60.0
_UNCLAIMED_SECONDS = 5.0
"""A place that its gateway has not named for so long after it was granted: the answer never arrived."""


@dataclass(slots=True)
class _Place:
    gateway_id: str
    owner: str
    since: float


@dataclass(slots=True)
class _Waiting:
    request: PlaceRequest
    since: float
    asked_at: float
    polls: int = 0
    called: asyncio.Event = field(default_factory=asyncio.Event)


class WaitingRoom:
    """Implements `People`: first come, first served. For one event loop; `clock` counts seconds.

    What has expired is looked for whenever somebody asks or a gateway gives a sign of life.
    """

    def __init__(
        self,
        settings: CoordinatorSettings,
        meter: PeopleMeter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._meter = meter or Unwatched()
        self._clock = clock
        self._places: dict[str, _Place] = {}
        self._queue: OrderedDict[str, _Waiting] = OrderedDict()
        self._gateways: dict[str, float] = {}
        self._left: OrderedDict[str, float] = OrderedDict()
        self._owners = Owners(clock)
        self._waits = Waits(settings.turn_seconds)

    async def ask(self, request: PlaceRequest, patience_seconds: float = 0.0, queue: bool = True) -> Standing:
        """See `People.ask`."""
        self.sweep()
        self._gateways[request.gateway_id] = self._clock()
        if request.place_id in self._places:
            return Standing(True)
        if request.place_id in self._left:  # who hung up while asking: the two calls may pass each other on the way
            return Standing(False)
        waiting = self._queue.get(request.place_id)
        if waiting is None:
            self._check_owner(request)
            if self._free() and not self._queue:
                self._grant(request)
                return Standing(True)
            if not queue:
                return Standing(False, len(self._queue) + 1, self._wait(len(self._queue) + 1))
            waiting = self._enqueue(request)
        elif self._clock() - waiting.since > self._settings.max_wait_seconds:
            self._remove(request.place_id)
            raise self._refused("You have waited for too long already; more people are here than can be answered.")
        await self._until_called(waiting, patience_seconds)
        return self._standing(request.place_id)

    async def leave(self, place_id: str, unused: bool = False) -> None:
        """See `People.leave`."""
        self.release(place_id, unused)

    def release(self, place_id: str, unused: bool = False) -> None:
        """`leave`, at once."""
        place = self._places.pop(place_id, None)
        now = self._clock()
        self._left[place_id] = now
        if place is not None:
            if unused:
                self._owners.take_back(place.owner, place_id)
            else:
                self._waits.held(now - place.since)
        self._remove(place_id)
        self._settle()

    async def beat(self, gateway_id: str, place_ids: tuple[str, ...], session_ids: tuple[str, ...]) -> Load:
        """See `People.beat`. What becomes of the sessions is another desk's affair."""
        self.adopt(gateway_id, place_ids)
        self.sweep()
        elsewhere = sum(place.gateway_id != gateway_id for place in self._places.values())
        return replace(self.load(), elsewhere=elsewhere)

    def adopt(self, gateway_id: str, place_ids: Iterable[str]) -> None:
        """What a gateway says it holds is so, above capacity too; what it does not know it does not hold."""
        now = self._clock()
        self._gateways[gateway_id] = now
        named = set(place_ids)
        for place_id in named - self._places.keys() - self._left.keys():
            self._remove(place_id)
            self._places[place_id] = _Place(gateway_id, "", now)
        for place_id, place in list(self._places.items()):
            unclaimed = place.gateway_id == gateway_id and place_id not in named
            if unclaimed and now - place.since > _UNCLAIMED_SECONDS:
                del self._places[place_id]
        self._settle()

    def load(self) -> Load:
        """`wait_seconds` is what the next to come would wait."""
        full = not self._free() or bool(self._queue)
        wait = self._wait(len(self._queue) + 1) if full else 0.0
        return Load(len(self._places), len(self._queue), self._settings.max_people, wait)

    def sweep(self) -> None:
        """Forgets gateways that have fallen silent, with all they held, and who waits without asking."""
        now, settings = self._clock(), self._settings
        silent = {name for name, at in self._gateways.items() if now - at > settings.gateway_silence_seconds}
        for name in silent:
            del self._gateways[name]
        for place_id in [id for id, place in self._places.items() if place.gateway_id in silent]:
            del self._places[place_id]
        for place_id, waiting in list(self._queue.items()):
            forgotten = not waiting.polls and now - waiting.asked_at > settings.waiting_silence_seconds
            if forgotten or waiting.request.gateway_id in silent:
                self._remove(place_id)
        while self._left and now - next(iter(self._left.values())) > _REMEMBER_LEFT_SECONDS:
            self._left.popitem(last=False)
        self._settle()

    def _free(self) -> bool:
        return len(self._places) < self._settings.max_people

    def _grant(self, request: PlaceRequest) -> None:
        self._places[request.place_id] = _Place(request.gateway_id, request.owner, self._clock())
        self._owners.count(request)
        self._meter.waited(0.0)
        self._tell()

    def _enqueue(self, request: PlaceRequest) -> _Waiting:
        if len(self._queue) >= self._settings.max_waiting:
            raise self._refused(f"All places are taken and {len(self._queue)} people wait already.")
        now = self._clock()
        waiting = self._queue[request.place_id] = _Waiting(request, now, now)
        self._tell()
        return waiting

    def _refused(self, words: str) -> AtCapacity:
        position = len(self._queue) + 1
        seconds = max(1, math.ceil(self._wait(position)))
        self._meter.refused(AtCapacity.code)
        return AtCapacity(f"{words} Try again in {seconds} s.", seconds, position)

    def _check_owner(self, request: PlaceRequest) -> None:
        mine = sum(place.owner == request.owner for place in self._places.values())
        mine += sum(waiting.request.owner == request.owner for waiting in self._queue.values())
        try:
            self._owners.check(request, mine, self._wait(1))
        except Exception:
            self._meter.refused("rate_limited")
            raise

    async def _until_called(self, waiting: _Waiting, patience_seconds: float) -> None:
        waiting.polls += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_seconds):
                    await waiting.called.wait()
        finally:
            waiting.polls -= 1
            waiting.asked_at = self._clock()

    def _standing(self, place_id: str) -> Standing:
        if place_id in self._places:
            return Standing(True)
        for position, waiting_id in enumerate(self._queue, start=1):
            if waiting_id == place_id:
                return Standing(False, position, self._wait(position))
        return Standing(False)  # it was given back meanwhile

    def _wait(self, position: int) -> float:
        now = self._clock()
        return self._waits.estimate(
            position, [now - place.since for place in self._places.values()], self._settings.max_people
        )

    def _remove(self, place_id: str) -> None:
        waiting = self._queue.pop(place_id, None)
        if waiting is not None:
            waiting.called.set()

    def _settle(self) -> None:
        """Lets in who can be let in."""
        while self._queue and self._free():
            place_id, waiting = self._queue.popitem(last=False)
            now = self._clock()
            self._places[place_id] = _Place(waiting.request.gateway_id, waiting.request.owner, now)
            self._owners.count(waiting.request)
            self._meter.waited(now - waiting.since)
            waiting.called.set()
        self._tell()

    def _tell(self) -> None:
        self._meter.present(len(self._places), len(self._queue))
