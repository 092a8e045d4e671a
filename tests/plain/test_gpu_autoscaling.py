"""Replicas by people: the policy alone, with contexts as Ray makes them, and under Ray's own delays and bounds."""

import math
from typing import Any

import pytest
from ray import cloudpickle
from ray.serve._private.common import DeploymentID
from ray.serve.autoscaling_policy import _apply_app_level_autoscaling_config
from ray.serve.config import AutoscalingConfig, AutoscalingContext, AutoscalingPolicy

import deployments.autoscaling
from deployments.autoscaling import PEOPLE, PeoplePolicy

pytestmark = pytest.mark.plain
PER_REPLICA = {"Video": 1, "TTS": 3, "ASR": 8}
Contexts = dict[DeploymentID, AutoscalingContext]


def context(name: str, replicas: int = 1, now: float = 0.0, **changes: Any) -> AutoscalingContext:
    config = AutoscalingConfig(
        min_replicas=1, max_replicas=3, target_ongoing_requests=10, upscale_delay_s=5, downscale_delay_s=60
    )
    usual: dict[str, Any] = {
        "total_num_requests": 0,
        "aggregated_metrics": {},
        "policy_state": {},
        "target_num_replicas": replicas,
    }
    return AutoscalingContext(
        deployment_id=DeploymentID(name, "avatar"),
        deployment_name=name,
        app_name="avatar",
        current_num_replicas=replicas,
        running_replicas=[],
        total_queued_requests=0,
        raw_metrics={},
        capacity_adjusted_min_replicas=1,
        capacity_adjusted_max_replicas=3,
        last_scale_up_time=None,
        last_scale_down_time=None,
        current_time=now,
        config=config,
        **usual | changes,
    )


def contexts(people: float | None, **replicas: int) -> Contexts:
    counts = {} if people is None else {PEOPLE: {"the one replica": people}}
    made = [context("Coordinator", aggregated_metrics=counts)]
    made += [context(name, replicas.get(name, 1)) for name in ("Gateway", "ASR", "TTS", "Video")]
    return {one.deployment_id: one for one in made}


def wanted(people: float | None, **replicas: int) -> dict[str, float]:
    found, state = PeoplePolicy(PER_REPLICA)(contexts(people, **replicas))
    assert state == {}
    return {key.name: count for key, count in found.items()}


@pytest.mark.parametrize(
    ("people", "video", "tts", "asr"),
    [
        (0, 1, 1, 1),
        (1, 1, 1, 1),
        (1.2, 2, 1, 1),
        (2, 2, 1, 1),
        (3, 3, 1, 1),
        (4, 3, 2, 1),
        (9, 3, 3, 2),
        (100, 3, 3, 3),
    ],
)
def test_each_stage_gets_replicas_by_people_within_its_bounds(people: float, video: int, tts: int, asr: int) -> None:
    found = wanted(people)
    assert (found["Video"], found["TTS"], found["ASR"]) == (video, tts, asr)
    assert "Coordinator" not in found


def test_while_the_count_is_unknown_nothing_changes() -> None:
    assert set(wanted(None, Video=3)) == {"Gateway"}


def test_the_coordinator_may_be_missing_altogether() -> None:
    found, _ = PeoplePolicy(PER_REPLICA)(
        {key: value for key, value in contexts(3).items() if key.name != "Coordinator"}
    )
    assert {key.name for key in found} == {"Gateway"}


def test_others_are_scaled_by_calls_under_way() -> None:
    gateway = context("Gateway", total_num_requests=17)
    policy = PeoplePolicy(PER_REPLICA)
    assert policy({gateway.deployment_id: gateway})[0] == {gateway.deployment_id: 1.7}
    starting = context("Gateway", replicas=0, target_num_replicas=2)
    assert policy({starting.deployment_id: starting})[0] == {starting.deployment_id: 2}


def test_open_calls_of_a_stage_do_not_count() -> None:
    made = contexts(1)
    video = context("Video", total_num_requests=500)
    made[video.deployment_id] = video
    assert PeoplePolicy(PER_REPLICA)(made)[0][video.deployment_id] == 1


@pytest.mark.parametrize("numbers", [{}, {"Video": 0}, {"Video": -1}, {"Video": math.nan}])
def test_impossible_numbers_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="people_per_replica"):
        PeoplePolicy(numbers)


def test_people_who_come_and_go_quickly_move_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's delays around the policy: up after 5 s of three people, down after 60 s of one."""
    clock = [1000.0]
    monkeypatch.setattr("ray.serve.autoscaling_policy.time.time", lambda: clock[0])
    policy = _apply_app_level_autoscaling_config(PeoplePolicy(PER_REPLICA))
    state: dict[DeploymentID, dict[str, Any]] = {}
    video, history = 1, []
    plan = [(3, 4), (1, 4), (3, 8), (1, 50), (3, 2), (1, 70)]
    for people, seconds in plan:
        for _ in range(seconds):
            made = contexts(people, Video=video)
            for key, one in made.items():
                one.policy_state = state.get(key, {})
            decisions, state = policy(made)
            video = next(int(count) for key, count in decisions.items() if key.name == "Video")
            clock[0] += 1
        history.append(video)
    assert history == [1, 1, 3, 3, 3, 1]


def test_ray_makes_it_from_the_yaml_and_sends_it_by_value() -> None:
    policy = AutoscalingPolicy(
        policy_function="deployments.autoscaling:PeoplePolicy", policy_kwargs={"people_per_replica": PER_REPLICA}
    )
    cloudpickle.register_pickle_by_value(deployments.autoscaling)
    try:
        made = cloudpickle.loads(cloudpickle.dumps(PeoplePolicy))(**policy.policy_kwargs)
    finally:
        cloudpickle.unregister_pickle_by_value(deployments.autoscaling)
    assert made(contexts(2))[0][DeploymentID("Video", "avatar")] == 2
