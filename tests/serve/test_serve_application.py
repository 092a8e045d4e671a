"""The application on a local Ray cluster: that the YAML takes effect, that stages may die, that metrics come out."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from ray import serve
from ray.serve.context import _get_global_client

from deployments.contracts import Message, ReplyRequest, SpeechRequest, Step
from deployments.errors import AtCapacity
from serve_app.serve_stages import ServeStages, StageLimits
from serve_app.turn_report import TurnReport, report_in
from tests.serve.conftest import Cluster

QUESTION = Path(__file__).resolve().parents[2] / "serve_app/samples/questions/en-sky.wav"
STAGES = ("ASR", "LLM", "TTS", "Video")


def details() -> dict[str, Any]:
    (application,) = _get_global_client().get_serve_details()["applications"].values()
    found: dict[str, Any] = application["deployments"]
    return found


def ask(cluster: Cluster, **options: Any) -> tuple[httpx.Response, TurnReport | None]:
    answer = httpx.post(
        f"{cluster.url}/conversation",
        content=QUESTION.read_bytes(),
        headers={"Content-Type": "audio/wav", **options.pop("headers", {})},
        params={"format": "mp4", **options},
        timeout=120,
    )
    return answer, report_in(answer.content)


def test_a_question_goes_through_all_four_stages(application: Cluster) -> None:
    answer, report = ask(application, headers={"X-Request-ID": "hello-1"})
    assert answer.status_code == 200
    assert answer.headers["X-Request-ID"] == "hello-1"
    assert report is not None and report.reply.startswith("You asked me this.")
    assert report.media_seconds > 1
    assert {"transcript", "first_token", "first_speech", "first_media"} <= set(report.timings)


def test_every_option_of_the_yaml_takes_effect(cluster: Cluster) -> None:
    config = cluster.deploy()
    found = details()
    for wanted in config["applications"][0]["deployments"]:
        actual = found[wanted["name"]]["deployment_config"]
        for option in ("max_ongoing_requests", "max_queued_requests", "graceful_shutdown_timeout_s"):
            assert actual[option] == wanted[option], (wanted["name"], option)
        assert actual["ray_actor_options"]["num_cpus"] == wanted["ray_actor_options"]["num_cpus"]
        assert actual.get("num_replicas") == wanted.get("num_replicas", actual.get("num_replicas"))
        for key, value in wanted.get("autoscaling_config", {}).items():
            assert actual["autoscaling_config"][key] == value, (wanted["name"], key)


def stages(limits: StageLimits | None = None) -> ServeStages:
    handles = [serve.get_deployment_handle(name, "avatar") for name in STAGES]
    return ServeStages(*handles, limits or StageLimits())


def test_a_full_queue_is_refused_and_not_waited_for(cluster: Cluster) -> None:
    cluster.deploy(LLM={"max_ongoing_requests": 1, "max_queued_requests": 1})
    cluster.wait_until_healthy()

    async def reply() -> str:
        return "".join([piece async for piece in stages_.reply(question("who is there"))])

    async def crowd() -> list[str | BaseException]:
        return await asyncio.gather(*(reply() for _ in range(8)), return_exceptions=True)

    stages_ = stages()
    results = asyncio.run(crowd())
    assert any(isinstance(result, AtCapacity) for result in results), results
    assert any(isinstance(result, str) for result in results)


def question(text: str) -> ReplyRequest:
    return ReplyRequest((Message("user", text),), "en")


def test_more_people_than_a_replica_takes_bring_another_one(cluster: Cluster) -> None:
    scaling = {"target_ongoing_requests": 1, "upscale_delay_s": 0, "look_back_period_s": 2, "metrics_interval_s": 1}
    cluster.deploy(LLM={"autoscaling_config": {**scaling, "min_replicas": 1, "max_replicas": 2}})
    cluster.wait_until_healthy()
    stop = time.monotonic() + 40

    async def load() -> None:
        stages_ = stages()
        while time.monotonic() < stop and running("LLM") < 2:
            await asyncio.gather(*(_all(stages_, "say a few words to me please " * 8) for _ in range(4)))

    asyncio.run(load())
    assert running("LLM") == 2


async def _all(stages_: ServeStages, text: str) -> None:
    async for _ in stages_.reply(question(text)):
        pass


def running(name: str) -> int:
    status = serve.status().applications["avatar"].deployments[name]
    return sum(count for state, count in status.replica_states.items() if state == "RUNNING")


@pytest.mark.parametrize("name", STAGES)
def test_a_turn_outlives_the_death_of_a_stage(application: Cluster, name: str) -> None:
    handle = serve.get_deployment_handle(name, "avatar")
    killer = threading.Timer(0.15, lambda: handle.die.remote())
    killer.start()
    answer, report = ask(application)
    killer.join()
    assert answer.status_code == 200, answer.text
    assert report is not None and report.reply.endswith("That is all I know.")
    application.wait_until_healthy()


def test_a_reply_goes_on_from_where_it_was_when_its_stage_died(application: Cluster) -> None:
    async def interrupted() -> str:
        said = ""
        async for piece in stages().reply(question("how long is a piece of string")):
            said += piece
            if said.endswith("piece"):
                serve.get_deployment_handle("LLM", "avatar").die.remote()
        return said

    assert asyncio.run(interrupted()) == "You asked me this. how long is a piece of string That is all I know."
    application.wait_until_healthy()


def test_health_fails_while_a_stage_is_down_and_recovers_by_itself(application: Cluster) -> None:
    serve.get_deployment_handle("TTS", "avatar").die.remote()
    end = time.monotonic() + 20
    while (answer := httpx.get(f"{application.url}/health", timeout=10)).status_code == 200:
        assert time.monotonic() < end, "the death was never noticed"
        time.sleep(0.05)
    assert answer.status_code == 503 and not answer.json()["stages"]["tts"]["ok"]
    application.wait_until_healthy()


def test_a_cancelled_stream_frees_its_stage(application: Cluster) -> None:
    async def leave_early() -> None:
        stream = stages().reply(question("a very long question " * 200))
        async for _ in stream:
            break
        await stream.aclose()

    asyncio.run(leave_early())
    assert eventually(lambda: ongoing("LLM") == 0)


def test_a_client_that_hangs_up_frees_every_stage(application: Cluster) -> None:
    body = {"text": "tell me all of it " * 100, "language": "en"}
    with httpx.stream("POST", f"{application.url}/conversation?format=fmp4", json=body, timeout=60) as answer:
        assert answer.status_code == 200
        next(answer.iter_raw())
    assert eventually(lambda: all(ongoing(name) == 0 for name in STAGES))
    assert ask(application)[0].status_code == 200


def ongoing(name: str) -> int:
    """Requests a stage is working on, by Ray's own exported metric."""
    wanted = f'deployment="{name}"'
    return sum(
        int(float(line.rsplit(" ", 1)[1]))
        for line in httpx.get(METRICS[0]).text.splitlines()
        if line.startswith("ray_serve_replica_processing_queries{") and wanted in line
    )


METRICS: list[str] = []


@pytest.fixture(autouse=True)
def _metrics_address(cluster: Cluster) -> None:
    METRICS[:] = [cluster.metrics_url]


def eventually(condition: Any, seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.3)
    return True


def test_our_metrics_are_in_rays_exporter(application: Cluster) -> None:
    assert ask(application)[0].status_code == 200
    names = ("avatar_asr_", "avatar_llm_", "avatar_tts_", "avatar_video_")
    assert eventually(lambda: all(f"ray_{name}" in httpx.get(application.metrics_url).text for name in names))


def test_speech_and_steps_come_back_through_handles_as_they_were_made(application: Cluster) -> None:
    async def both() -> tuple[int, int]:
        stages_ = stages()
        request = SpeechRequest("one two three", "en")
        speech = [pcm async for pcm in stages_.speak(request)]
        stepped = await stages_.step(Step("grace_hopper", np.zeros(6400, np.float32), final=True))
        return sum(len(pcm.samples) for pcm in speech), len(stepped.frames)

    samples, frames = asyncio.run(both())
    assert samples > 0 and frames == 10
