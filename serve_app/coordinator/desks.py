"""The Coordinator's three desks in this very process: what its deployment holds, and what tests run on."""

from serve_app.coordinator.contracts import Coordination, Load
from serve_app.coordinator.database import Database
from serve_app.coordinator.meter import PeopleMeter
from serve_app.coordinator.people import WaitingRoom
from serve_app.coordinator.sessions import SessionStore
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.jobs.settings import JobSettings
from serve_app.jobs.store import JobStore


class FrontDesk(WaitingRoom):
    """Implements `People`. Gateways' signs of life are the clock by which sessions expire too."""

    def __init__(self, settings: CoordinatorSettings, sessions: SessionStore, meter: PeopleMeter | None = None) -> None:
        super().__init__(settings, meter)
        self._sessions = sessions

    async def beat(self, gateway_id: str, place_ids: tuple[str, ...], session_ids: tuple[str, ...]) -> Load:
        load = await super().beat(gateway_id, place_ids, session_ids)
        self._sessions.hold(session_ids)
        await self._sessions.sweep()
        return load


def desks_on(
    database: Database, settings: CoordinatorSettings, jobs: JobSettings, meter: PeopleMeter | None = None
) -> Coordination:
    """All three on one database."""
    sessions = SessionStore(database, settings, meter)
    people = FrontDesk(settings, sessions, meter)
    return Coordination(people, sessions, JobStore(database, jobs, people.load))


def desks_in_memory(settings: CoordinatorSettings, jobs: JobSettings) -> Coordination:
    """Nothing of it outlives the process; the database that the settings name is not touched."""
    return desks_on(Database("sqlite://"), settings.model_copy(update={"settle_seconds": 0.0}), jobs)
