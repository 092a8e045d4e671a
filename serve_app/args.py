"""What the application is: the `args` of serve_config.yaml. An unknown key, anywhere, is refused."""

from pydantic import BaseModel, ConfigDict

from deployments.asr.settings import AsrSettings
from deployments.llm.settings import LlmSettings
from deployments.store.settings import StoreSettings
from deployments.tts.settings import TtsSettings
from deployments.video.settings import VideoSettings
from deployments.weights.settings import WeightsSettings
from serve_app.conversation import ConversationSettings
from serve_app.coordinator.settings import CoordinatorSettings
from serve_app.gateway.settings import GatewaySettings
from serve_app.jobs.settings import JobSettings
from serve_app.realtime.settings import RealtimeSettings
from serve_app.serve_stages import StageLimits
from serve_app.served_models import ServedModels


class AppArgs(BaseModel):
    """Each stage's settings, and what holds them together. All have defaults: those of the CPU profile."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)  # keys are among it

    asr: AsrSettings = AsrSettings()
    llm: LlmSettings = LlmSettings()
    tts: TtsSettings = TtsSettings()
    video: VideoSettings = VideoSettings()
    gateway: GatewaySettings = GatewaySettings()
    conversation: ConversationSettings = ConversationSettings()
    coordinator: CoordinatorSettings = CoordinatorSettings()
    realtime: RealtimeSettings = RealtimeSettings()
    jobs: JobSettings = JobSettings()
    limits: StageLimits = StageLimits()
    store: StoreSettings = StoreSettings()
    weights: WeightsSettings = WeightsSettings()

    def doors(self) -> GatewaySettings:
        """The gateway's settings, with the names of what the stages run unless the YAML names others."""
        if "models" in self.gateway.model_fields_set:
            return self.gateway
        models = ServedModels(
            hearing=self.asr.weights,
            thinking=self.llm.openai.model if self.llm.engine == "openai" else self.llm.llama.weights,
            speaking=self.tts.weights,
            showing=self.video.engine,
        )
        return self.gateway.model_copy(update={"models": models})
