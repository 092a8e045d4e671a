"""Settings of the hearing stage."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from deployments.gpu.settings import GpuSettings


class VoiceActivitySettings(BaseModel):
    """How speech is told from silence (Silero VAD)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(True, description="Trim to the speech; without it silence and noise reach the model.")
    threshold: float = Field(0.5, gt=0, lt=1, description="Probability above which a 32 ms window is speech.")
    min_speech_seconds: float = Field(0.1, ge=0, description="Shorter bursts are not speech.")
    min_silence_seconds: float = Field(0.3, gt=0, description="Shorter pauses do not end a stretch of speech.")
    joined_seconds: float = Field(
        7.0,
        gt=0,
        le=28,
        description="Stretches of speech are heard together up to this length. In longer windows the base model "
        "skips sentences after pauses; 7 s just fill the shortest window.",
    )
    padding_seconds: float = Field(0.2, ge=0, description="Kept before and after each stretch of speech.")


class BatchSettings(BaseModel):
    """How concurrent requests are joined."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_batch_size: int = Field(4, ge=1, description="Most utterances in one run of the model.")
    max_windows: int = Field(
        16, ge=1, description="Most stretches of speech in one run: what bounds the memory. Long speech has several."
    )
    batch_wait_timeout_s: float = Field(
        0.002, ge=0, description="Wait for company in seconds: only as long as requests already on the way need."
    )


class AsrSettings(BaseModel):
    """Which engine listens, and how. Every engine reads these; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    engine: Literal["whisper"] = Field("whisper", description="Name in deployments/asr/engines.py.")
    weights: str = Field("whisper-base", description="Weight set, in CTranslate2's format.")
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where the model runs.")
    device_index: int = Field(
        0, ge=0, le=15, description="Which of the GPUs that this process sees; Ray shows a replica its own as 0."
    )
    compute_type: Literal["int8", "int8_float32", "int8_float16", "float16", "float32"] = Field(
        "int8", description="CTranslate2's arithmetic."
    )
    threads: int = Field(1, ge=1, description="Processor threads of one run of the model.")
    beam_size: int = Field(1, ge=1, le=10, description="Hypotheses kept while decoding; 1 is greedy and fastest.")
    languages: tuple[str, ...] = Field(
        ("en", "es", "zh"), min_length=1, description="Languages that may be asked for or detected, ISO 639-1."
    )
    prompts: dict[str, str] = Field(
        {"zh": "以下是普通话的句子。"},
        description="By language, text the model believes was said before: it steers script and punctuation.",
    )
    word_times: bool = Field(True, description="Align words with the sound; about 15 ms more.")
    voice_activity: VoiceActivitySettings = Field(VoiceActivitySettings(), description="Silence and speech.")
    max_utterance_seconds: float = Field(60.0, gt=0, description="Longer utterances are refused.")
    min_window_seconds: float = Field(
        8.0, ge=2, le=30, description="Shortest window the model sees; below 8 s it begins to mishear."
    )
    max_tokens_per_second: float = Field(
        14.0,
        gt=0,
        description="Nobody speaks faster: no longer text is made, and a phrase repeated faster is taken out.",
    )
    max_no_speech_probability: float = Field(
        0.6, ge=0, le=1, description="Above it, a text the model itself doubts counts as silence."
    )
    min_mean_log_probability: float = Field(-1.0, le=0, description="Below it, the model doubts its text.")
    max_compression_ratio: float = Field(2.4, gt=1, description="Above it, a text repeats itself and is made again.")
    batching: BatchSettings = Field(BatchSettings(), description="Joining of concurrent requests.")
    gpu: GpuSettings = Field(GpuSettings(), description="What a replica promises of its card.")
    warm_up: bool = Field(True, description="Run the model once before the first request.")

    @model_validator(mode="after")
    def _prompts_have_languages(self) -> Self:
        unknown = sorted(set(self.prompts) - set(self.languages))
        if unknown and "prompts" in self.model_fields_set:
            raise ValueError(f"prompts for languages that are not configured: {', '.join(unknown)}")
        return self
