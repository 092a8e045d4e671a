"""The gateway's side of admission: places that are taken for a block, and always given back."""

import asyncio
import contextlib
import logging
import math
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from deployments.errors import AtCapacity, AvatarError, CoordinatorAway, RateLimited
from serve_app.coordinator.contracts import Load, People, PlaceRequest, Standing
from serve_app.coordinator.people import WaitingRoom
from serve_app.coordinator.settings import CoordinatorSettings

logger = logging.getLogger("ray.serve")

Waiting = Callable[[Standing], Awaitable[None]]
_AWAY_BEAT_SECONDS = 0.5
_MOST_UNTOLD = 1000
"""Places given back while the Coordinator was away. Of others it learns by their absence from the signs of life."""


class Asker(Protocol):
    """Who asks: `serve_app.gateway.identity.Identity`."""

    @property
    def name(self) -> str: ...

    @property
    def concurrent_turns(self) -> int | None: ...

    @property
    def turns_per_minute(self) -> int | None: ...


@dataclass(slots=True)
class Place:
    """A place that is held. Set `unused` where nobody is answered after all, as on speculation withdrawn."""

    id: str
    owner: str
    unused: bool = False


class Places:
    """One gateway's places, on one event loop.

    While the Coordinator is away, those who are answered do not notice, and others are let in by this gateway's own
    count; once it is back it is told.
    """

    def __init__(
        self,
        people: People,
        settings: CoordinatorSettings,
        gateway_id: str,
        changed: Callable[[int], None] = lambda places: None,
    ) -> None:
        """`changed` hears how many are held here, each time that changes."""
        self._people = people
        self._settings = settings
        self._gateway_id = gateway_id
        self._changed = changed
        self._held: dict[str, Place] = {}
        self._sessions: dict[str, int] = {}
        self._load = Load(0, 0, settings.max_people)
        self._others = 0
        self._alone: WaitingRoom | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._untold: deque[Place] = deque(maxlen=_MOST_UNTOLD)

    @property
    def now(self) -> int:
        """Places held in this gateway."""
        return len(self._held)

    @property
    def load(self) -> Load:
        """How full the house was at the last sign of life, over all gateways."""
        return self._load

    @property
    def connected(self) -> bool:
        """Whether the Coordinator answered when it was last asked."""
        return self._alone is None

    def check(self, identity: Asker) -> None:
        """Raises AtCapacity or RateLimited where there is no room by what is known here, so that an upload need not
        be read in vain. That there is room it does not promise."""
        most = identity.concurrent_turns
        if most is not None and sum(place.owner == identity.name for place in self._held.values()) >= most:
            raise RateLimited(
                f"This API key may have {most} turns at once. Wait for one to end.", math.ceil(self._seconds())
            )
        taken = len(self._held) + (self._others if self.connected else 0)
        if taken >= self._load.capacity:
            raise _refusal(Standing(False, self._load.waiting + 1, self._seconds()), self._load.capacity)

    @contextlib.asynccontextmanager
    async def place(self, identity: Asker, waiting: Waiting | None = None, turn: bool = True) -> AsyncIterator[Place]:
        """Takes a place for as long as the block runs.

        `waiting` None: raises AtCapacity at once where there is none. Otherwise waits for one, telling `waiting` the
        position at least every `poll_seconds`; AtCapacity is then raised where too many wait already or this wait
        becomes too long. Raises RateLimited where the identity's own limits are reached. `turn` False: the work is
        none of the identity's turns a minute, as an upload is none.
        """
        place = Place(uuid.uuid4().hex, identity.name)
        per_minute = identity.turns_per_minute if turn else None
        request = PlaceRequest(place.id, self._gateway_id, identity.name, identity.concurrent_turns, per_minute)
        refused = False
        try:
            try:
                await self._take(request, waiting)
            except (AtCapacity, RateLimited):
                refused = True
                raise
            self._held[place.id] = place
            self._changed(len(self._held))
            yield place
        finally:
            if self._held.pop(place.id, None) is not None:
                self._changed(len(self._held))
            if not refused:
                self._give_back(place)

    @contextlib.contextmanager
    def session(self, session_id: str) -> Iterator[None]:
        """A session's connection is open for as long as the block runs: its grace period has not begun."""
        self._sessions[session_id] = self._sessions.get(session_id, 0) + 1
        try:
            yield
        finally:
            self._sessions[session_id] -= 1
            if not self._sessions[session_id]:
                del self._sessions[session_id]

    @contextlib.asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Gives signs of life for as long as the block runs. At its end, what is being given back is given back."""
        task = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task, *self._leaving), timeout=self._settings.answer_seconds)

    async def _beat(self) -> None:
        while True:
            try:
                await self.beat_once()
            except Exception:
                logger.exception("a sign of life to the Coordinator failed; the next one is due")
            await asyncio.sleep(self._settings.beat_seconds if self.connected else _AWAY_BEAT_SECONDS)

    async def beat_once(self) -> None:
        """One sign of life: tells the Coordinator who is answered here, and learns how full the house is."""
        held = tuple(self._held)
        try:
            load = await self._people.beat(self._gateway_id, held, tuple(self._sessions))
        except CoordinatorAway as error:
            self._go_alone(error)
            return
        self._load = load
        self._others = load.elsewhere
        if self._alone is not None:
            logger.info("the Coordinator is back; it knows of the %d places held here", len(held))
            self._alone = None
        while self._untold:
            self._tell(self._untold.popleft())

    async def _take(self, request: PlaceRequest, waiting: Waiting | None) -> None:
        if self._leaving and self.connected:  # who has just left must not be in the way of who comes next
            await asyncio.wait(tuple(self._leaving))
        patience = 0.0
        while not (standing := await self._ask(request, patience, waiting is not None)).granted:
            if waiting is None:
                raise _refusal(standing, self._load.capacity)
            await waiting(standing)
            patience = self._settings.poll_seconds

    async def _ask(self, request: PlaceRequest, patience_seconds: float, queue: bool) -> Standing:
        if self._alone is None:
            try:
                return await self._people.ask(request, patience_seconds, queue)
            except CoordinatorAway as error:
                self._go_alone(error)
        assert self._alone is not None
        self._alone.adopt(self._gateway_id, self._held)
        return await self._alone.ask(request, patience_seconds, queue)

    def _go_alone(self, error: AvatarError) -> None:
        if self._alone is None:
            logger.warning("%s Until it is back, this gateway counts its %d places alone.", error, len(self._held))
            self._alone = WaitingRoom(self._settings.model_copy(update={"max_people": self._load.capacity}))
            self._alone.adopt(self._gateway_id, self._held)

    def _give_back(self, place: Place) -> None:
        """In the background: whoever is cancelled gives back all the same."""
        if self._alone is not None:
            self._alone.release(place.id, place.unused)
            self._untold.append(place)
            return
        self._tell(place)

    def _tell(self, place: Place) -> None:
        task = asyncio.create_task(self._leave(place))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _leave(self, place: Place) -> None:
        try:
            await self._people.leave(place.id, place.unused)
        except CoordinatorAway as error:
            self._go_alone(error)
            self._untold.append(place)

    def _seconds(self) -> float:
        return self._load.wait_seconds or self._settings.turn_seconds


def _refusal(standing: Standing, capacity: int) -> AtCapacity:
    seconds = max(1, math.ceil(standing.wait_seconds))
    return AtCapacity(
        f"All {capacity} places are taken; you would be number {standing.position} in the queue. "
        f"Try again in {seconds} s.",
        seconds,
        standing.position,
    )
