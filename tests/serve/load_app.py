"""The application of fake_app, whose parts tell what they are busy with, and which hears tones as words."""

from typing import Any

from ray import serve

import deployments.asr.deployment as asr_module
from serve_app.args import AppArgs
from serve_app.gateway.deployment import Gateway
from serve_app.gateway.tasks import OTHERS, tasks_now
from tests.fakes.tone_words import ToneTranscriber
from tests.serve.fake_app import FakeLlm, FakeTts, FakeVideo, MortalCoordinator


class WatchedGateway(Gateway.func_or_class):  # type: ignore[misc,name-defined]
    """The real one, which can count its tasks."""

    async def census(self) -> dict[str, int]:
        """The application's own tasks in this replica, by the coroutine's name."""
        return {name: count for name, count in tasks_now().items() if name != OTHERS}


class HearingAsr(asr_module.Asr):
    def __init__(self, *settings: Any) -> None:
        asr_module.build_engine = lambda *_: ToneTranscriber()
        super().__init__(*settings)


class WatchedLlm(FakeLlm):
    async def busy(self) -> int:
        """Replies under way."""
        return int(self._engine.active)


class WatchedTts(FakeTts):
    async def busy(self) -> int:
        """Clauses under way."""
        return int(self._engine.running)


def build_app(args: AppArgs) -> serve.Application:
    """As fake_app does it."""
    asr = serve.deployment(name="ASR")(HearingAsr).bind(args.asr, args.weights)
    llm = serve.deployment(name="LLM")(WatchedLlm).bind(args.llm, args.weights)
    tts = serve.deployment(name="TTS")(WatchedTts).bind(args.tts, args.weights, args.store)
    video = serve.deployment(name="Video")(FakeVideo).bind(args.video, args.store, args.weights)
    coordinator = serve.deployment(name="Coordinator")(MortalCoordinator).bind(args.coordinator, args.jobs)
    gateway: serve.Application = serve.deployment(name="Gateway")(WatchedGateway).bind(
        args, asr, llm, tts, video, coordinator
    )
    return gateway
