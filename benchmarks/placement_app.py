"""Stand-ins for the stages of the L4 profiles: they are placed, scaled and die like the real ones, and only wait.

The Coordinator and the video stage's deployment with its queue are the real ones. A card makes one step at a time,
whichever of its replicas asks: that is what a saturated GPU does, and why replicas on one card divide its throughput.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ray
from pydantic import BaseModel, ConfigDict
from ray import serve

import deployments.video.deployment as video_module
from deployments.contracts import EncodedFrame, Image, Step, Stepped
from deployments.store.settings import StoreSettings
from deployments.video.encoding import GROUP_FRAMES
from deployments.video.settings import VideoSettings
from deployments.weights.settings import WeightsSettings
from serve_app.coordinator.deployment import build_coordinator
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.jobs.settings import JobSettings

PROFILES = Path(__file__).with_name("placement_profile.json")
MOST_PEOPLE = 1000


class StandIns(BaseModel):
    """The `args` of this application."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    """Where replicas write down where they are, and cards are locked."""
    max_batch_steps: int = 4


def seconds_per_frame() -> dict[str, float]:
    """By entry of placement_profile.json."""
    entries = json.loads(PROFILES.read_text()).items()
    return {name: entry["milliseconds_per_frame"] / 1000 for name, entry in entries}


def card_here() -> str:
    """Node and number of the card that Ray gave this replica."""
    numbers = ray.get_runtime_context().get_accelerator_ids()["GPU"]
    return f"{ray.get_runtime_context().get_node_id()}-{'+'.join(numbers)}"


def tell_where(folder: str, name: str) -> None:
    """A file per replica, named by deployment and process."""
    (Path(folder) / f"{name}.{os.getpid()}.replica").write_text(card_here())


class Waits:
    """Stand-in for a stage that is only placed."""

    def __init__(self, folder: str, name: str) -> None:
        tell_where(folder, name)


class StandInAnimator:
    """Implements `Animator`: frames without a picture, each after its share of a card's time.

    A step's avatar names the entry of placement_profile.json that says how long; others take no time.
    """

    frame_size = (2, 2)
    lookahead_samples = 0
    fingerprint = "0"

    def __init__(self, card: Path) -> None:
        self._card = card
        self._seconds = seconds_per_frame()

    def enrol(self, portrait: Image) -> bytes:
        return b""

    def step(self, batch: Sequence[Step]) -> list[Stepped | Exception]:
        """A group of frames for each step, one after the other in the card's time."""
        with self._card.open("a") as card:
            fcntl.flock(card, fcntl.LOCK_EX)
            time.sleep(GROUP_FRAMES * sum(self._seconds.get(step.avatar_id, 0.0) for step in batch))
        frames = tuple(EncodedFrame(b"", index, key=not index) for index in range(GROUP_FRAMES))
        return [Stepped(frames, b"") for _ in batch]


class StandInVideo(video_module.Video):
    """The real deployment over the stand-in engine."""

    def __init__(self, args: StandIns) -> None:
        card = Path(args.folder) / f"{card_here()}.card"
        build: Callable[..., Any] = lambda *_: StandInAnimator(card)  # noqa: E731
        video_module.build_engine = build
        settings = VideoSettings(max_batch_steps=args.max_batch_steps)
        super().__init__(settings, StoreSettings(url=f"{args.folder}/store"), WeightsSettings())
        tell_where(args.folder, "Video")


class Root:
    """Holds the stages together, as the gateway does."""

    def __init__(self, *stages: Any) -> None:
        self._stages = stages


def build_app(args: StandIns) -> serve.Application:
    """Deployments by the names of the profiles; how they are placed and scaled stands in those."""
    coordinator = CoordinatorSettings(
        max_people=MOST_PEOPLE, gateway_silence_seconds=3600, database_url=f"sqlite:///{args.folder}/state.db"
    )
    stages = [serve.deployment(name=name)(Waits).bind(args.folder, name) for name in ("ASR", "TTS")]
    video = serve.deployment(name="Video")(StandInVideo).bind(args)
    root: serve.Application = serve.deployment(name="Root", ray_actor_options={"num_cpus": 0.1})(Root).bind(
        build_coordinator(coordinator, JobSettings()), video, *stages
    )
    return root
