"""The real deployments around fake engines: what a local cluster runs in the tests, in place of serve_app.app."""

import os
from typing import Any

from ray import serve

import deployments.asr.deployment as asr_module
import deployments.llm.deployment as llm_module
import deployments.tts.deployment as tts_module
import deployments.video.deployment as video_module
from serve_app.args import AppArgs
from serve_app.coordinator.deployment import Coordinator
from serve_app.gateway.deployment import build_gateway
from tests.fakes.animator import FakeAnimator
from tests.fakes.chat_model import FakeChatModel
from tests.fakes.synthesizer import FakeSynthesizer
from tests.fakes.transcriber import FakeTranscriber


class _Killable:
    """Dies on request, as a replica whose process was killed does."""

    async def die(self) -> None:
        os._exit(1)


class FakeAsr(_Killable, asr_module.Asr):
    def __init__(self, *settings: Any) -> None:
        asr_module.build_engine = lambda *_: FakeTranscriber()
        super().__init__(*settings)


class FakeLlm(_Killable, llm_module.Llm):
    def __init__(self, *settings: Any) -> None:
        llm_module.build_engine = lambda *_: _CheckedChatModel(delay_seconds=0.05)
        super().__init__(*settings)


class FakeTts(_Killable, tts_module.Tts):
    def __init__(self, *settings: Any) -> None:
        tts_module.build_engine = lambda *_: FakeSynthesizer()
        super().__init__(*settings)


class FakeVideo(_Killable, video_module.Video):
    def __init__(self, *settings: Any) -> None:
        video_module.build_engine = lambda _, load, weights: FakeAnimator(load=load)
        super().__init__(*settings)


class MortalCoordinator(_Killable, Coordinator.func_or_class):  # type: ignore[misc,name-defined]
    """The real one, which can be killed."""


class _CheckedChatModel(FakeChatModel):
    async def check(self) -> None:
        """Always well."""


def build_app(args: AppArgs) -> serve.Application:
    """As serve_app.app.build_app does it; the options come from the YAML."""
    asr = serve.deployment(name="ASR")(FakeAsr).bind(args.asr, args.weights)
    llm = serve.deployment(name="LLM")(FakeLlm).bind(args.llm, args.weights)
    tts = serve.deployment(name="TTS")(FakeTts).bind(args.tts, args.weights, args.store)
    video = serve.deployment(name="Video")(FakeVideo).bind(args.video, args.store, args.weights)
    coordinator = serve.deployment(name="Coordinator")(MortalCoordinator).bind(args.coordinator, args.jobs)
    return build_gateway(args, asr, llm, tts, video, coordinator)
