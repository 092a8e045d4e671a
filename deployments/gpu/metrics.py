"""What replicas take of their cards, told to Prometheus through Ray's exporter, one series a replica."""

from ray.serve import metrics


class GpuMetrics:
    """Implements `deployments.gpu.share.ShareMeter`. Made in the replica: Ray adds its name and its deployment's."""

    def __init__(self) -> None:
        self._used = metrics.Gauge("avatar_gpu_memory_bytes", "Memory a replica holds of its card.", ("card",))
        self._budget = metrics.Gauge("avatar_gpu_budget_bytes", "Memory a replica may hold of its card.", ("card",))

    def promised(self, card: str, budget_bytes: int) -> None:
        self._budget.set(budget_bytes, tags={"card": card})

    def used(self, card: str, used_bytes: int) -> None:
        self._used.set(used_bytes, tags={"card": card})
