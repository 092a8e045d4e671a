"""The real gateway over four fake stages, each a Serve deployment: what needs Ray but no weights is tried on it."""

from collections.abc import AsyncGenerator

from pydantic import BaseModel
from ray import serve

from deployments.contracts import Image, Pcm, ReplyRequest, SpeechRequest, Step, Stepped, Transcript, Utterance
from deployments.errors import EngineFailed
from deployments.store.settings import StoreSettings
from serve_app.args import AppArgs
from serve_app.coordinator.deployment import build_coordinator
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.deployment import build_gateway
from serve_app.gateway.settings import GatewaySettings
from tests.fakes.stages import FakeStages


class FakeAsr:
    def __init__(self) -> None:
        self.stages = FakeStages()

    async def transcribe(self, utterance: Utterance) -> Transcript:
        return await self.stages.transcribe(utterance)


class FakeLlm:
    def __init__(self, piece_seconds: float) -> None:
        self.stages = FakeStages(delays={"reply_piece": piece_seconds})

    async def reply(self, request: ReplyRequest) -> AsyncGenerator[str, None]:
        async for piece in self.stages.reply(request):
            yield piece


class FakeTts:
    def __init__(self) -> None:
        self.stages = FakeStages()

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[Pcm, None]:
        if "explode" in request.text:
            raise EngineFailed("The voice engine failed.")
        async for pcm in self.stages.speak(request):
            yield pcm

    async def enrol(self, sample: Pcm) -> bytes:
        return await self.stages.enrol_voice(sample)

    async def voices(self) -> list[dict[str, object]]:
        return await self.stages.voices()


class FakeVideo:
    def __init__(self) -> None:
        self.stages = FakeStages()

    async def step(self, step: Step) -> Stepped:
        return await self.stages.step(step)

    async def enrol(self, portrait: Image) -> bytes:
        return await self.stages.enrol_avatar(portrait)

    async def describe(self) -> dict[str, object]:
        described = await self.stages.describe_video()
        return {"frame_size": described.frame_size, "lookahead_samples": described.lookahead_samples}


class FakeArgs(BaseModel):
    """`store` is the folder of uploads and of the state; `piece_seconds` how long the reply's pieces take."""

    store: str
    piece_seconds: float = 0.0
    gateway: GatewaySettings = GatewaySettings()
    coordinator: CoordinatorSettings = CoordinatorSettings()


def build(args: FakeArgs) -> serve.Application:
    options = {"num_cpus": 0.1}
    asr = serve.deployment(name="ASR", ray_actor_options=options)(FakeAsr).bind()
    llm = serve.deployment(name="LLM", ray_actor_options=options)(FakeLlm).bind(args.piece_seconds)
    tts = serve.deployment(name="TTS", ray_actor_options=options)(FakeTts).bind()
    video = serve.deployment(name="Video", ray_actor_options=options)(FakeVideo).bind()
    state = {"database_url": f"sqlite:///{args.store}/state.db"}
    whole = AppArgs(
        gateway=args.gateway,
        coordinator=args.coordinator.model_copy(update=state),
        store=StoreSettings(url=args.store),
    )
    coordinator = build_coordinator(whole.coordinator, whole.jobs)
    return build_gateway(whole, asr, llm, tts, video, coordinator)
