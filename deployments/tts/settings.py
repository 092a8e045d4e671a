"""Settings of the speaking stage."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from deployments.gpu.settings import GpuSettings


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PauseSettings(_Settings):
    """Silence around a clause, in seconds. Clauses are played one after the other without a gap of their own."""

    lead_seconds: float = Field(0.03, ge=0, le=1, description="Kept before the first sound of a clause.")
    tail_seconds: float = Field(0.08, ge=0, le=1, description="After the last sound where no punctuation follows.")
    comma_seconds: float = Field(0.16, ge=0, le=2, description="After a comma, a dash or a Chinese enumeration comma.")
    colon_seconds: float = Field(0.24, ge=0, le=2, description="After a colon or semicolon.")
    sentence_seconds: float = Field(0.38, ge=0, le=2, description="After a full stop, question or exclamation mark.")
    fade_in_seconds: float = Field(0.005, ge=0, le=0.05, description="The start is faded in over this time: no click.")
    fade_out_seconds: float = Field(0.02, ge=0, le=0.1, description="The end of the sound is faded out over this time.")
    threshold_db: float = Field(
        -58.0, le=-20, ge=-90, description="Level relative to full scale below which sound counts as silence."
    )


class EspeakSettings(_Settings):
    """The espeak-ng program, which spells English and Spanish in phonemes in a process of its own."""

    program: str = Field("espeak-ng", min_length=1, description="Name on the PATH, or a path.")
    extra: bool = Field(True, description="Without the program, use the library of the espeakng-loader package.")
    timeout_seconds: float = Field(5.0, gt=0, description="For one text; then the process is replaced.")


class KokoroSettings(_Settings):
    """How Kokoro is computed."""

    weights: str = Field("kokoro-v1.0-int8", description="Weight set with the int8 ONNX graph.")
    runtime: Literal["openvino", "onnxruntime"] = Field(
        "openvino",
        description="openvino: the graph in parts, its decoder dequantized; about five times faster where the "
        "processor multiplies bf16. onnxruntime: the graph as published.",
    )
    precision: Literal["auto", "bf16", "f32"] = Field(
        "auto", description="Arithmetic of the decoder on openvino; auto is bf16 where the processor has it."
    )
    threads: int = Field(
        1,
        ge=1,
        description="Processor threads of one run. Two save a third of the time on idle cores, for 15 % more work.",
    )
    spinning: bool = Field(False, description="onnxruntime threads burn their core while they wait.")
    derived_dir: Path | None = Field(
        None, description="Where the parts of the graph are kept; by default beside the weights."
    )
    piece_phonemes: int = Field(
        120,
        ge=20,
        le=509,
        description="Longer texts are spoken in pieces, cut at punctuation where possible; memory grows with it.",
    )
    lead_frames: int = Field(
        8,
        ge=4,
        le=40,
        description="Most frames (25 ms each) decoded of the silence ahead; the model asks for about 16.",
    )
    grid_frames: int = Field(
        8, ge=1, le=64, description="Lengths are rounded up to this many frames, so that few shapes need preparation."
    )
    warm_frames: tuple[int, ...] = Field(
        (40, 48, 56, 64, 72, 80, 88, 96, 104, 112), description="Lengths prepared before the first request."
    )


class MatchSettings(_Settings):
    """Matching a built-in voice to a sample of somebody's speech."""

    weights: str = Field("speaker-encoder", description="Weight set of the speaker encoder.")
    min_speech_seconds: float = Field(3.0, ge=1, description="Samples with less speech are refused.")
    max_speech_seconds: float = Field(30.0, ge=5, description="Speech beyond this is not listened to.")
    max_clipped_fraction: float = Field(0.01, gt=0, lt=1, description="Samples with more at full scale are refused.")
    blended_voices: int = Field(
        3, ge=1, le=6, description="So many of the nearest voices are tried, alone and in pairs; 3 take about 2 s."
    )
    envelope_strength: float = Field(
        1.0, ge=0, le=1, description="Share of the difference in timbre that is transferred."
    )
    pitch_strength: float = Field(1.0, ge=0, le=1, description="Share of the difference in pitch that is transferred.")


XTTS_LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh", "hu", "ko", "ja", "hi")


class XttsSettings(_Settings):
    """How XTTS-v2 is computed: the cloned voice of the GPU profile."""

    weights: str = Field("xtts-v2", description="Weight set: model.pth, config.json, vocab.json, speakers_xtts.pth.")
    device: Literal["cuda", "cpu"] = Field(
        "cuda", description="Where the model runs; on a CPU it is far from real time."
    )
    precision: Literal["float16", "float32"] = Field(
        "float16",
        description="Of the language model of sounds; the vocoder and the ear for samples are always float32.",
    )
    threads: int = Field(1, ge=1, description="Processor threads of one run.")
    languages: tuple[str, ...] | None = Field(
        None,
        description="Languages that may be asked for, ISO 639-1. None: all 17, less those whose reading package is not "
        "installed (zh: pypinyin; ja: cutlet and fugashi[unidic-lite]).",
    )
    default_voices: dict[str, str] = Field(
        {
            "en": "claribel_dervla",
            "es": "alma_maría",
            "fr": "zacharie_aimilios",
            "de": "gitta_nikolina",
            "it": "gilberto_mathias",
            "pt": "luis_moray",
            "pl": "zofija_kendrick",
            "tr": "eugenio_mataracı",
            "ru": "lidiya_szekeres",
            "nl": "henriette_usha",
            "cs": "barbora_maclean",
            "ar": "badr_odhiambo",
            "zh": "xavier_hayasaka",
            "hu": "szofi_granger",
            "ko": "royston_min",
            "ja": "kazuhiko_atallah",
            "hi": "kumar_dahl",
        },
        description="The voice of each language where the request names none; every voice speaks every language.",
    )
    first_chunk_tokens: int = Field(
        12, ge=4, le=200, description="Sound tokens (46 ms each) before the first piece of speech; fewer begin sooner."
    )
    chunk_tokens: int = Field(
        24, ge=4, le=600, description="Sound tokens of each further piece; about 6 more are vocoded along with each."
    )
    piece_characters: int = Field(
        200,
        ge=20,
        le=273,
        description="Longer texts are spoken in pieces of at most this, or the language's own limit.",
    )
    tokens_per_character: float = Field(
        4.0, gt=0, description="No more sound is made of a text as it is read; ordinary speech has one and a half."
    )
    temperature: float = Field(0.75, gt=0, le=2, description="Of the sampled voice; less is steadier and flatter.")
    top_k: int = Field(50, ge=1, description="Only this many of the likeliest sounds.")
    top_p: float = Field(0.85, gt=0, le=1, description="Only the likeliest sounds that make up this probability.")
    repetition_penalty: float = Field(10.0, ge=1, description="Divides the odds of sounds used before; 1 is off.")
    sample_seconds: int = Field(
        30, ge=6, le=60, description="So much of a sample is listened to; the rest is left out."
    )
    latents_kept: int = Field(64, ge=1, description="Samples whose voices are remembered, by content; 130 KB each.")


class TtsSettings(_Settings):
    """Which engine speaks, and how."""

    engine: Literal["kokoro", "xtts"] = Field("kokoro", description="Name in deployments/tts/engines.py.")
    default_voices: dict[str, str] = Field(
        {"en": "af_heart", "es": "ef_dora", "zh": "zf_xiaoxiao"},
        description="Kokoro's voice of each language where the request names none.",
    )
    max_characters: int = Field(2000, ge=1, description="Longer texts are refused; a clause has a few dozen.")
    speed: float = Field(1.0, ge=0.5, le=2.0, description="Pace of all voices, multiplied with the request's.")
    niceness: int = Field(0, ge=0, le=19, description="How readily the stage yields the processor to others.")
    kokoro: KokoroSettings = Field(KokoroSettings(), description="The engine of the CPU profile.")
    xtts: XttsSettings = Field(XttsSettings(), description="The engine of the GPU profile.")
    pauses: PauseSettings = Field(PauseSettings(), description="Silence around clauses.")
    espeak: EspeakSettings = Field(EspeakSettings(), description="Phonemes of English and Spanish.")
    match: MatchSettings = Field(MatchSettings(), description="Voices matched to a sample.")
    gpu: GpuSettings = Field(GpuSettings(), description="What a replica promises of its card.")
    warm_up: bool = Field(True, description="Speak once in every language before the first request.")

    @property
    def weights(self) -> str:
        """The weight set of the engine that speaks."""
        return self.xtts.weights if self.engine == "xtts" else self.kokoro.weights
