"""What the profiles of the L4 promise: fractions, memory, cores, batches. All of it is read from the YAML."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.autoscaling import PeoplePolicy
from deployments.gpu.share import take_share
from serve_app.args import AppArgs
from tests.fakes.cards import L4_BYTES, FakeCards, FakeMeter

pytestmark = pytest.mark.plain
ROOT = Path(__file__).resolve().parents[2]
CARDS = {"l4.yaml": 1, "l4x4.yaml": 4}
CORES_A_CARD = 8
GPU_STAGES = {"ASR": "asr", "TTS": "tts", "Video": "video"}


class Profile:
    """One configuration, and how many cards it is for."""

    def __init__(self, name: str) -> None:
        (self.application,) = yaml.safe_load((ROOT / "configs" / name).read_text())["applications"]
        self.args = AppArgs.model_validate(self.application["args"])
        self.deployments: dict[str, dict[str, Any]] = {one["name"]: one for one in self.application["deployments"]}
        self.cards = CARDS[name]

    def most(self, name: str) -> int:
        return int(self.deployments[name]["autoscaling_config"]["max_replicas"])

    def most_on_a_card(self, name: str) -> int:
        return int(self.deployments[name].get("max_replicas_per_node", self.most(name)))

    def options(self, name: str) -> dict[str, Any]:
        return dict(self.deployments[name]["ray_actor_options"])

    def gpu(self, name: str) -> Any:
        return getattr(self.args, GPU_STAGES[name]).gpu


@pytest.fixture(params=CARDS)
def profile(request: pytest.FixtureRequest) -> Profile:
    return Profile(request.param)


def test_the_fractions_fill_each_card_and_no_more(profile: Profile) -> None:
    fractions = {name: profile.options(name).get("num_gpus", 0) for name in profile.deployments}
    assert {name for name, fraction in fractions.items() if fraction} == set(GPU_STAGES)
    assert sum(fractions[name] * profile.most_on_a_card(name) for name in GPU_STAGES) <= 1 + 1e-9
    assert sum(fractions[name] * profile.most(name) for name in GPU_STAGES) <= profile.cards + 1e-9
    assert all(profile.options(name)["accelerator_type"] == "L4" for name in GPU_STAGES)


def test_two_to_three_faces_a_card(profile: Profile) -> None:
    scaling = profile.deployments["Video"]["autoscaling_config"]
    assert (scaling["min_replicas"], scaling["max_replicas"]) == (2 * profile.cards, 3 * profile.cards)
    assert profile.most_on_a_card("Video") == 3


def test_the_memory_promised_fits_an_l4(profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    promised = sum(profile.gpu(name).vram_gigabytes * profile.most_on_a_card(name) for name in GPU_STAGES)
    reserve = max(profile.gpu(name).reserve_gigabytes for name in GPU_STAGES)
    assert promised * 1e9 <= L4_BYTES - reserve * 1e9
    for name in GPU_STAGES:  # and each alone is granted
        settings = profile.gpu(name).model_copy(update={"ledger_folder": str(tmp_path), "capped_by": "nothing"})
        meter = FakeMeter()
        take_share(settings, name, lambda meter=meter: meter, FakeCards(), sleep=lambda seconds: None)
        assert meter.budget_bytes == int(settings.vram_gigabytes * 1e9)


def test_who_can_cap_itself_does(profile: Profile) -> None:
    assert {name: profile.gpu(name).capped_by for name in GPU_STAGES} == {
        "ASR": "nothing",
        "TTS": "torch",
        "Video": "torch",
    }
    assert profile.args.asr.device == "cuda"


def test_the_promised_cores_fit_when_scaled_up(profile: Profile) -> None:
    promised = sum(profile.options(name)["num_cpus"] * profile.most(name) for name in profile.deployments)
    assert promised <= CORES_A_CARD * profile.cards


def test_batches_fit_what_may_be_under_way(profile: Profile) -> None:
    under_way = {name: profile.deployments[name]["max_ongoing_requests"] for name in profile.deployments}
    assert under_way["ASR"] >= 2 * profile.args.asr.batching.max_batch_size
    assert under_way["Video"] >= 2 * profile.args.video.max_batch_steps
    assert under_way["LLM"] <= profile.args.llm.openai.slots
    assert profile.args.video.ditto.runtime.max_batch_frames == 5


def test_people_are_what_replicas_follow(profile: Profile) -> None:
    policy = profile.application["autoscaling_policy"]
    module, name = policy["policy_function"].split(":")
    assert getattr(importlib.import_module(module), name) is PeoplePolicy
    PeoplePolicy(**policy["policy_kwargs"])
    assert set(policy["policy_kwargs"]["people_per_replica"]) == set(GPU_STAGES)
    coordinator = profile.deployments["Coordinator"]["autoscaling_config"]
    assert (coordinator["min_replicas"], coordinator["max_replicas"]) == (1, 1)


def test_one_person_until_more_were_measured(profile: Profile) -> None:
    coordinator = profile.args.coordinator
    assert coordinator.max_people == 1
    assert (coordinator.capacity.gpu, coordinator.capacity.cards) == ("L4", profile.cards)


def test_the_engines_are_the_production_ones(profile: Profile) -> None:
    args = profile.args
    assert (args.asr.weights, args.asr.compute_type) == ("whisper-large-v3-turbo", "int8_float16")
    assert (args.llm.engine, args.tts.engine, args.video.engine) == ("openai", "xtts", "ditto")
    assert (args.video.ditto.runtime.device, args.video.ditto.runtime.precision) == ("cuda", "fp16")
