"""The application over fake engines, with a card for Video that is full once: at the first step of FULL's seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import serve

import deployments.video.deployment as video_module
from deployments.contracts import Step, Stepped
from deployments.video.failures import DeviceFailed
from serve_app.args import AppArgs
from serve_app.gateway.deployment import build_gateway
from tests.fakes.animator import FakeAnimator
from tests.serve.fake_app import FakeAsr, FakeLlm, FakeTts, FakeVideo, MortalCoordinator

FULL_SEED = 666


class FilledAnimator(FakeAnimator):
    """`noted`: a file that says that the card has been full."""

    def __init__(self, noted: Path, load: Any) -> None:
        super().__init__(load=load)
        self._noted = noted

    def step(self, batch: Sequence[Step]) -> list[Stepped | Exception]:
        if any(step.seed == FULL_SEED for step in batch) and not self._noted.exists():
            self._noted.touch()
            return [DeviceFailed("The card ran out of memory in a step.")] * len(batch)
        return super().step(batch)


class FilledVideo(FakeVideo):
    """Video on that card."""

    def __init__(self, settings: Any, store: Any, weights: Any) -> None:
        noted = Path(store.url).parent / "card-was-full"
        video_module.build_engine = lambda _, load, weights: FilledAnimator(noted, load)
        video_module.Video.__init__(self, settings, store, weights)


def build_app(args: AppArgs) -> serve.Application:
    """As serve_app.app.build_app does it; the options come from the YAML."""
    asr = serve.deployment(name="ASR")(FakeAsr).bind(args.asr, args.weights)
    llm = serve.deployment(name="LLM")(FakeLlm).bind(args.llm, args.weights)
    tts = serve.deployment(name="TTS")(FakeTts).bind(args.tts, args.weights, args.store)
    video = serve.deployment(name="Video")(FilledVideo).bind(args.video, args.store, args.weights)
    coordinator = serve.deployment(name="Coordinator")(MortalCoordinator).bind(args.coordinator, args.jobs)
    return build_gateway(args, asr, llm, tts, video, coordinator)
