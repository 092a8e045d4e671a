"""serve_config.yaml and the other profiles, read strictly: Serve itself accepts keys it does not know."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy
from ray.serve.schema import (
    DeploymentSchema,
    HTTPOptionsSchema,
    LoggingConfig,
    RayActorOptionsSchema,
    ServeApplicationSchema,
    ServeDeploySchema,
)

from serve_app.args import AppArgs

pytestmark = pytest.mark.plain
ROOT = Path(__file__).resolve().parents[2]
CONFIGS = [ROOT / "serve_config.yaml", *sorted((ROOT / "configs").glob("*.yaml"))]
CORES = 2


def unknown_keys(config: dict[str, Any]) -> list[str]:
    """Keys that no schema of Serve's knows, with their path."""
    found = _extra(config, ServeDeploySchema, "")
    found += _extra(config.get("http_options", {}), HTTPOptionsSchema, "http_options.")
    found += _extra(config.get("logging_config", {}), LoggingConfig, "logging_config.")
    for application in config["applications"]:
        found += _extra(application, ServeApplicationSchema, "applications.")
        found += _extra(application.get("autoscaling_policy", {}), AutoscalingPolicy, "autoscaling_policy.")
        for deployment in application.get("deployments", []):
            where = f"{deployment['name']}."
            found += _extra(deployment, DeploymentSchema, where)
            found += _extra(
                deployment.get("ray_actor_options", {}), RayActorOptionsSchema, where + "ray_actor_options."
            )
            found += _extra(deployment.get("autoscaling_config", {}), AutoscalingConfig, where + "autoscaling_config.")
    return found


def _extra(keys: dict[str, Any], schema: type[BaseModel], where: str) -> list[str]:
    return [where + key for key in keys if key not in schema.model_fields]


@pytest.fixture(params=CONFIGS, ids=lambda path: path.name)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(request.param.read_text())
    return loaded


def test_every_key_is_known(config: dict[str, Any]) -> None:
    assert unknown_keys(config) == []
    ServeDeploySchema.model_validate(config)


def test_the_check_finds_misspelt_keys() -> None:
    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    config["applications"][0]["deployments"][0]["max_ongoing_request"] = 3
    config["applications"][0]["deployments"][0]["autoscaling_config"]["max_replica"] = 3
    config["http_options"]["prot"] = 3
    assert len(unknown_keys(config)) == 3


def test_the_args_are_the_applications(config: dict[str, Any]) -> None:
    for application in config["applications"]:
        AppArgs.model_validate(application.get("args", {}))


@pytest.mark.parametrize(
    "args",
    [{"vidoe": {}}, {"video": {"engin": "portrait"}}, {"tts": {"kokoro": {"treads": 1}}}, {"asr": {"threads": 0}}],
)
def test_unknown_or_impossible_args_are_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AppArgs.model_validate(args)


def test_every_deployment_says_how_it_is_scaled(config: dict[str, Any]) -> None:
    (application,) = config["applications"]
    names = {deployment["name"] for deployment in application["deployments"]}
    assert names == {"Gateway", "Coordinator", "ASR", "LLM", "TTS", "Video"}
    for deployment in application["deployments"]:
        if deployment["name"] == "Coordinator":
            scaling = deployment.get("autoscaling_config", {"max_replicas": deployment.get("num_replicas")})
            assert scaling["max_replicas"] == 1
            continue
        scaling = deployment["autoscaling_config"]
        assert scaling["min_replicas"] >= 1 and scaling["max_replicas"] >= scaling["min_replicas"]
        assert scaling["target_ongoing_requests"] <= deployment["max_ongoing_requests"]
        assert deployment["max_queued_requests"] > 0


def test_the_promised_cores_fit_the_smallest_machine_even_when_scaled_up() -> None:
    (application,) = yaml.safe_load((ROOT / "serve_config.yaml").read_text())["applications"]
    promised = {d["name"]: d["ray_actor_options"]["num_cpus"] for d in application["deployments"]}
    most = {
        d["name"]: d.get("autoscaling_config", {"max_replicas": d.get("num_replicas")})["max_replicas"]
        for d in application["deployments"]
    }
    assert sum(promised.values()) <= 1.0 + 1e-9
    assert sum(promised[name] * most[name] for name in promised) <= CORES
