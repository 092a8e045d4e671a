"""One local Ray cluster for all serve tests, with the application of serve_config.yaml over fake engines."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from benchmarks.configuration import merged
from serve_app.patience import PROXY_CALLBACK, PROXY_VARIABLE
from tests.fakes.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Cluster:
    """A running cluster. `deploy` puts serve_config.yaml on it, over fakes, with changes by deployment name."""

    url: str
    metrics_url: str
    deploy: Callable[..., dict[str, Any]]

    def wait_until_healthy(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while httpx.get(f"{self.url}/health", timeout=10).status_code != 200:
            assert time.monotonic() < end, httpx.get(f"{self.url}/health").text
            time.sleep(0.2)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    os.environ |= {
        "RAY_AUTH_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
        "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "1",
        "PYTHONPATH": str(ROOT),
        PROXY_VARIABLE: PROXY_CALLBACK,
    }
    import ray
    from ray import serve

    port, metrics_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp") as folder:
        ray.init(
            address="local",
            num_cpus=4,
            include_dashboard=False,
            _metrics_export_port=metrics_port,
            _temp_dir=folder,
            log_to_driver=False,
        )
        serve.start(http_options={"host": "127.0.0.1", "port": port})
        url = f"http://127.0.0.1:{port}"
        store = Path(folder) / "store"
        yield Cluster(url, f"http://127.0.0.1:{metrics_port}/metrics", lambda **changes: _deploy(port, store, changes))
        serve.shutdown()
        ray.shutdown()


@pytest.fixture
def application(cluster: Cluster) -> Cluster:
    """The cluster with the unchanged configuration on it, healthy."""
    cluster.deploy()
    cluster.wait_until_healthy()
    return cluster


def _deploy(port: int, store: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Deploys and waits. `changes` are laid over the deployments of those names, and over `args`."""
    from ray.serve.context import _get_global_client
    from ray.serve.schema import ServeDeploySchema

    config: dict[str, Any] = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    config["http_options"]["port"] = port
    (application,) = config["applications"]
    application["import_path"] = changes.get("import_path", "tests.serve.fake_app:build_app")
    application["args"] = merged(application["args"], changes.get("args", {}))
    application["args"]["store"] = {"url": str(store)}
    state = {"database_url": f"sqlite:///{store.parent}/state.db"}
    application["args"]["coordinator"] = merged(application["args"]["coordinator"], state)
    application["deployments"] = [merged(one, changes.get(one["name"], {})) for one in application["deployments"]]
    _get_global_client().deploy_apps(ServeDeploySchema.model_validate(config), _blocking=True)
    return config
