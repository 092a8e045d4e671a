"""What gateways and the Coordinator tell each other: who is being answered, who waits, what was said, which job runs.

Every verb may be repeated without harm, so that a gateway can ask again while the Coordinator restarts.
"""

from dataclasses import dataclass
from typing import Protocol

from deployments.contracts import Message
from serve_app.jobs.contracts import JobQueue


@dataclass(frozen=True, slots=True)
class PlaceRequest:
    """Somebody wants to be answered. `place_id` is made by the asker and unique; `gateway_id` names its replica.

    `owner` is the API key's name, "" where there are no keys. `most_for_owner` and `turns_per_minute` are that key's
    limits, None for no limit of its own.
    """

    place_id: str
    gateway_id: str
    owner: str = ""
    most_for_owner: int | None = None
    turns_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """The answer to a PlaceRequest. `position` 1 is the next to be let in; `wait_seconds` is an estimate."""

    granted: bool
    position: int = 0
    wait_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """How full the house is: people being answered, people waiting, places in all. `elsewhere`: of those answered, how
    many in other gateways than the one that gave the sign of life."""

    answered: int
    waiting: int
    capacity: int
    wait_seconds: float = 0.0
    elsewhere: int = 0


class People(Protocol):
    """Admission: a configured number of people are answered at once."""

    async def ask(self, request: PlaceRequest, patience_seconds: float = 0.0, queue: bool = True) -> Standing:
        """A place, at once or within `patience_seconds`; otherwise the place in the queue, which is kept as long as
        the same request is asked again. `queue` False takes no place in the queue: granted now or not at all.

        Raises AtCapacity where the queue itself is full, RateLimited where the owner's own limits are reached.
        """
        ...

    async def leave(self, place_id: str, unused: bool = False) -> None:
        """Gives a place, or a place in the queue, back. Nothing happens for an unknown one. `unused`: nobody was
        answered after all, so that it counts neither as one of the owner's turns nor as a time a place is held."""
        ...

    async def beat(self, gateway_id: str, place_ids: tuple[str, ...], session_ids: tuple[str, ...]) -> Load:
        """A gateway's sign of life, with all the places and sessions it holds: after a restart of the Coordinator
        that is how it learns of them; a gateway that is silent for long loses them."""
        ...


@dataclass(frozen=True, slots=True)
class SessionSnapshot:
    """All that a returning client needs. `token` proves that it is the same client; `data` is JSON, the session's own.

    `epoch` counts connections: who saves with an older epoch than the stored one has lost the session to a newer
    connection.
    """

    session_id: str
    token: str
    owner: str
    epoch: int
    messages: tuple[Message, ...] = ()
    data: str = "{}"


class Sessions(Protocol):
    """Conversations that can be resumed within a grace period, on any gateway."""

    async def save(self, snapshot: SessionSnapshot) -> bool:
        """Keeps it. False where a newer connection owns the session: the older one has to close."""
        ...

    async def resume(self, session_id: str, token: str, owner: str) -> SessionSnapshot:
        """The last snapshot, with `epoch` raised by one and stored so. Raises NotFound for an unknown or expired
        session and for a wrong token or owner, in the same words."""
        ...

    async def drop(self, session_id: str) -> None:
        """Forgets it at once: the client said goodbye. Nothing happens for an unknown one."""
        ...


@dataclass(frozen=True, slots=True)
class Coordination:
    """The three desks of the Coordinator as one gateway sees them: over a Serve handle, or in this very process."""

    people: People
    sessions: Sessions
    jobs: JobQueue
