"""What every door has at hand."""

from dataclasses import dataclass

from serve_app.conversation import ConversationSettings
from serve_app.gateway.admission import Admission
from serve_app.gateway.catalogue import Catalogue
from serve_app.gateway.meter import Meter
from serve_app.gateway.settings import GatewaySettings
from serve_app.stages import Stages


@dataclass(frozen=True, slots=True)
class DoorContext:
    """One gateway's own things. Made once by `create_app`."""

    stages: Stages
    settings: GatewaySettings
    conversation: ConversationSettings
    catalogue: Catalogue
    admission: Admission
    meter: Meter
