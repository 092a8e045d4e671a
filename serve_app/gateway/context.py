"""What every door has at hand."""

from dataclasses import dataclass

from deployments.store.store import Store
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.contracts import Coordination
from serve_app.coordinator.places import Places
from serve_app.gateway.catalogue import Catalogue
from serve_app.gateway.meter import Meter
from serve_app.gateway.settings import GatewaySettings
from serve_app.gateway.sockets import Sockets
from serve_app.jobs.settings import JobSettings
from serve_app.realtime.settings import RealtimeSettings
from serve_app.stages import Stages


@dataclass(frozen=True, slots=True)
class DoorContext:
    """One gateway's own things. Made once by `create_app`. `replica_id` is unique among running gateways."""

    stages: Stages
    settings: GatewaySettings
    conversation: ConversationSettings
    catalogue: Catalogue
    meter: Meter
    store: Store
    coordination: Coordination
    places: Places
    realtime: RealtimeSettings
    sockets: Sockets
    jobs: JobSettings
    replica_id: str
