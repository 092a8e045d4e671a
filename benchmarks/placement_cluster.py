"""A Ray cluster of simulated nodes on this machine, some with a GPU that is not there, labelled L4."""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.configuration import merged

ROOT = Path(__file__).resolve().parent.parent
CORES_A_NODE = 8
STAGES = ("ASR", "TTS", "Video")
PATIENCE_SECONDS = 120.0
ON_THE_HEAD = {"Coordinator": {"ray_actor_options": {"resources": {"head": 0.01}}}}
"""As one would have it: machines with a GPU come and go, and with this one people would be counted anew."""
Placed = dict[str, dict[str, int]]
"""By card, how many replicas of each deployment."""


class SimulatedCluster:
    """A head without a GPU, and nodes that come and go. Made by `simulated_cluster`."""

    def __init__(self, cluster: Any, folder: Path) -> None:
        self.folder = folder
        self._cluster = cluster
        self._nodes: list[Any] = []
        self._people: list[str] = []

    @property
    def nodes(self) -> int:
        """With a GPU."""
        return len(self._nodes)

    def add_nodes(self, count: int) -> None:
        """Machines with eight cores and one L4."""
        for _ in range(count):
            node = self._cluster.add_node(
                num_cpus=CORES_A_NODE,
                num_gpus=1,
                resources={"accelerator_type:L4": 1},
                labels={"ray.io/accelerator-type": "L4"},
                object_store_memory=80 * 2**20,
            )
            self._nodes.append(node)

    def lose_node(self) -> None:
        """The one that came first, without a word. Returns when nothing on it lives any more."""
        node = self._nodes.pop(0)
        self._cluster.remove_node(node, allow_graceful=False)
        while any(card.startswith(node.node_id) for card in self.placed()):
            time.sleep(0.1)

    def deploy(self, config: str, changes: dict[str, Any] | None = None, **args: Any) -> None:
        """The deployments of a file in configs/, as they stand there but for `changes` by name, over stand-ins."""
        from ray.serve.context import _get_global_client
        from ray.serve.schema import ServeDeploySchema

        (application,) = yaml.safe_load((ROOT / "configs" / config).read_text())["applications"]
        application["import_path"] = "benchmarks.placement_app:build_app"
        application["args"] = {"folder": str(self.folder), **args}
        kept = [one for one in application["deployments"] if one["name"] in (*STAGES, "Coordinator")]
        laid_over = merged(ON_THE_HEAD, changes or {})
        application["deployments"] = [merged(one, laid_over.get(one["name"], {})) for one in kept]
        schema = ServeDeploySchema.model_validate({"applications": [application]})
        _get_global_client().deploy_apps(schema, _blocking=False)

    def placed(self) -> Placed:
        """The replicas that live now."""
        found: dict[str, Counter[str]] = {}
        for path in self.folder.glob("*.replica"):
            name, process, _ = path.name.split(".")
            if _lives(int(process)):
                found.setdefault(path.read_text(), Counter())[name] += 1
        return {card: dict(counts) for card, counts in found.items()}

    def wait_for(self, **replicas: int) -> tuple[Placed, float]:
        """Until so many of each deployment live. With the seconds it took."""
        began = time.monotonic()
        while True:
            placed = self.placed()
            counts = Counter(dict.fromkeys(replicas, 0))
            for on_card in placed.values():
                counts.update({name: count for name, count in on_card.items() if name in replicas})
            if dict(counts) == replicas:
                return placed, time.monotonic() - began
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise TimeoutError(f"wanted {replicas}, found {placed}")
            time.sleep(0.1)

    def people(self, count: int) -> None:
        """So many are being answered now, as the Coordinator counts them."""
        from ray import serve

        from serve_app.coordinator.contracts import PlaceRequest

        coordinator = serve.get_deployment_handle("Coordinator", "avatar")
        while len(self._people) < count:
            request = PlaceRequest(f"place-{time.monotonic_ns()}", "bench")
            assert coordinator.call.remote("people", "ask", (request,)).result(timeout_s=PATIENCE_SECONDS).granted
            self._people.append(request.place_id)
        while len(self._people) > count:
            coordinator.call.remote("people", "leave", (self._people.pop(),)).result(timeout_s=PATIENCE_SECONDS)


@contextmanager
def simulated_cluster(nodes: int = 1) -> Iterator[SimulatedCluster]:
    """With so many GPU nodes and Serve without its HTTP proxies; all of it is gone at the end."""
    os.environ |= {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
        "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
        "RAY_enable_worker_prestart": "0",
        "PYTHONPATH": str(ROOT),
    }
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder:
        os.environ["RAY_TMPDIR"] = folder
        import ray
        from ray import serve
        from ray.cluster_utils import Cluster

        sooner = {
            "health_check_initial_delay_ms": 1000,
            "health_check_period_ms": 1000,
            "health_check_failure_threshold": 3,
        }
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": CORES_A_NODE,
                "resources": {"head": 1},
                "object_store_memory": 80 * 2**20,
                "include_dashboard": False,
                "_system_config": sooner,
            },
        )
        try:
            ray.init(cluster.address, log_to_driver=False)
            serve.start(proxy_location="Disabled")
            shared = Path(folder) / "where"
            shared.mkdir()
            simulated = SimulatedCluster(cluster, shared)
            simulated.add_nodes(nodes)
            yield simulated
        finally:
            serve.shutdown()
            ray.shutdown()
            cluster.shutdown()


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False
