"""The Coordinator as a Serve deployment: exactly one replica, which may die at any moment."""

from typing import Any

from ray import serve

from deployments.autoscaling import PEOPLE
from serve_app.coordinator.capacity import with_measured_capacity
from serve_app.coordinator.database import Database
from serve_app.coordinator.desks import desks_on
from serve_app.coordinator.metrics import CoordinatorMetrics
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.jobs.settings import JobSettings


@serve.deployment(name="Coordinator", num_replicas=1, max_ongoing_requests=1000, ray_actor_options={"num_cpus": 0.05})
class Coordinator:
    """Who is answered it learns again from the gateways' signs of life; sessions and jobs are on disk."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, settings: CoordinatorSettings, jobs: JobSettings
    ) -> None:
        """Raises EngineFailed and Unsupported where the database cannot be used, BadInput for a bad capacity file."""
        settings = with_measured_capacity(settings)
        self._database = Database(settings.database_url, settings.busy_seconds)
        await self._database.open()
        self._metrics = CoordinatorMetrics()
        desks = desks_on(self._database, settings, jobs, self._metrics)
        self._desks = {"people": desks.people, "sessions": desks.sessions, "jobs": desks.jobs}

    async def call(self, desk: str, verb: str, arguments: tuple[Any, ...]) -> Any:
        """One of the verbs in `serve_app.coordinator.contracts` and `serve_app.jobs.contracts`; raises what it does."""
        return await getattr(self._desks[desk], verb)(*arguments)

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """How many people there are, for `deployments.autoscaling`; Serve asks now and then."""
        return {PEOPLE: self._metrics.people}

    async def check_health(self) -> None:
        """Raises EngineFailed where nothing can be written any more."""
        await self._database.open()


def build_coordinator(settings: CoordinatorSettings, jobs: JobSettings) -> serve.Application:
    """The one replica. Its options stand in the YAML."""
    application: serve.Application = Coordinator.bind(settings, jobs)  # type: ignore[attr-defined]
    return application
