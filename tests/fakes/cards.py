"""GPUs that are not there."""

from dataclasses import dataclass, field

from deployments.gpu.errors import NoGpu
from deployments.gpu.nvml import Card

L4_BYTES = 23034 * 2**20


@dataclass
class FakeCards:
    """Implements `deployments.gpu.nvml.Cards`. `processes`: bytes by process id."""

    names: tuple[str, ...] = ("NVIDIA L4",)
    total_bytes: int = L4_BYTES
    version: str = "580.82.07"
    processes: dict[int, int] = field(default_factory=dict)

    def driver(self) -> str:
        return self.version

    def card(self, identifier: str) -> Card:
        if not identifier.isdigit() or int(identifier) >= len(self.names):
            raise NoGpu(f"There is no GPU {identifier!r}.")
        return Card(f"GPU-{identifier}", self.names[int(identifier)], self.total_bytes)

    def used_bytes(self, card: Card) -> int:
        return sum(self.processes.values())

    def process_bytes(self, card: Card, process_id: int) -> int | None:
        return self.processes.get(process_id)


@dataclass
class FakeMeter:
    """Implements `deployments.gpu.share.ShareMeter`."""

    budget_bytes: int = 0
    used_bytes: int = 0

    def promised(self, card: str, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes

    def used(self, card: str, used_bytes: int) -> None:
        self.used_bytes = used_bytes
