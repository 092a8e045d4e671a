"""How many replicas a stage gets: by the people being answered and waiting, not by open calls.

An open socket costs no model time, and a stage's calls are short: Serve's own measure, calls under way, counts a
talking person as a fraction that depends on how fast the stage is. The Coordinator knows how many people there are.

Ray's controller gets this module by value, without the rest of the application: it imports nothing of ours.
"""

import math
from collections.abc import Hashable, Mapping
from typing import Any, Protocol, TypeVar

PEOPLE = "people"
"""Name under which the Coordinator records its count (`record_autoscaling_stats`)."""


class Configured(Protocol):
    """As much of Ray's AutoscalingConfig as is read."""

    def get_target_ongoing_requests(self) -> float: ...


class Context(Protocol):
    """As much of Ray's AutoscalingContext as is read."""

    deployment_name: str
    current_num_replicas: int
    target_num_replicas: int
    capacity_adjusted_min_replicas: int
    capacity_adjusted_max_replicas: int
    total_num_requests: float
    aggregated_metrics: Mapping[str, Mapping[Any, float]] | None
    config: Configured


Key = TypeVar("Key", bound=Hashable)


class PeoplePolicy:
    """An application's `autoscaling_policy`. Ray applies each deployment's delays and factors to what it returns.

    Deployments in `people_per_replica` get a replica for each so many people; the others, such as the gateway, what
    Serve would give them by calls under way. While the count is unknown (the Coordinator restarts), what is there
    stays. Only deployments with an `autoscaling_config` take part, the Coordinator itself among them: 1 to 1.
    """

    def __init__(self, people_per_replica: Mapping[str, float], coordinator: str = "Coordinator") -> None:
        """Raises ValueError for a number that is not positive."""
        if not people_per_replica or any(not people > 0 for people in people_per_replica.values()):
            raise ValueError("people_per_replica needs a positive number for each deployment it names")
        self._people_per_replica = dict(people_per_replica)
        self._coordinator = coordinator

    def __call__(self, contexts: Mapping[Key, Context]) -> tuple[dict[Key, float], dict[Key, dict[str, Any]]]:
        """Replicas wanted for each deployment, within its bounds, and no state of our own."""
        people = self._people(contexts)
        wanted: dict[Key, float] = {}
        for key, context in contexts.items():
            if context.deployment_name == self._coordinator:
                continue
            replicas = self._replicas(context, people)
            if replicas is not None:
                least, most = context.capacity_adjusted_min_replicas, context.capacity_adjusted_max_replicas
                wanted[key] = min(max(replicas, least), most)
        return wanted, {}

    def _people(self, contexts: Mapping[Key, Context]) -> float | None:
        for context in contexts.values():
            if context.deployment_name == self._coordinator:
                counts = (context.aggregated_metrics or {}).get(PEOPLE, {})
                return sum(counts.values()) if counts else None
        return None

    def _replicas(self, context: Context, people: float | None) -> float | None:
        each = self._people_per_replica.get(context.deployment_name)
        if each is None:
            if not context.current_num_replicas:
                return context.target_num_replicas
            return context.total_num_requests / context.config.get_target_ongoing_requests()
        return None if people is None else math.ceil(people / each)
