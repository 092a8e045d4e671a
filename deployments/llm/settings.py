"""What the language stage can be told."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from deployments.contracts import Sampling
from deployments.llm.persona import EXAMPLES, INSTRUCTED, PERSONA, Exchange


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SamplingSettings(_Settings):
    """How the next token is chosen. An OpenAI-compatible server gets temperature, top_p and seed."""

    temperature: float = Field(0.2, ge=0, description="0 always takes the likeliest token.")
    top_p: float = Field(0.9, gt=0, le=1, description="Only the likeliest tokens that make up this probability.")
    top_k: int = Field(40, ge=0, description="Only this many of the likeliest tokens; 0 is all.")
    min_p: float = Field(0.05, ge=0, le=1, description="Only tokens at least this likely relative to the likeliest.")
    repeat_penalty: float = Field(1.05, ge=1, description="Divides the odds of tokens used lately; 1 is off.")
    dry_multiplier: float = Field(
        0.8, ge=0, description="Strength of the penalty on repeating whole phrases (DRY); 0 is off."
    )
    seed: int | None = Field(None, description="Makes replies repeatable; without one every reply is drawn anew.")

    def asked_for(self, sampling: Sampling) -> dict[str, object]:
        """What is sent to an engine: these settings, with what one reply wants otherwise."""
        wanted = {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed}
        chosen = self.model_dump() | {name: value for name, value in wanted.items() if value is not None}
        if chosen["seed"] is None:
            del chosen["seed"]
        return chosen | ({"stop": list(sampling.stop)} if sampling.stop else {})


class ReplyLimits(_Settings):
    """When a reply has said enough. A reply ends with a sentence wherever that is possible."""

    max_tokens: int = Field(96, ge=1, description="Longest reply, where the request does not say.")
    reserve_tokens: int = Field(24, ge=0, description="With fewer tokens left no further sentence is begun.")
    max_sentences: int = Field(3, ge=1, description="The reply ends after this many sentences.")
    max_characters: int = Field(400, ge=20, description="The reply ends with the word that passes this length.")
    max_instruction_characters: int = Field(
        4000, ge=0, description="Longest instructions that a request may put in the persona's place."
    )


class LlamaSettings(_Settings):
    """The model in process."""

    weights: str = Field("qwen2.5-coder-0.5b-instruct", description="Name of the weight set; it holds one GGUF file.")
    slots: int = Field(2, ge=1, description="Conversations answered at once. Each costs its context in memory.")
    context_tokens: int = Field(
        2048,
        ge=256,
        description="Context of one slot: persona or instructions, history, question and reply; 12 KB of memory each.",
    )
    history_tokens: int = Field(
        512,
        ge=0,
        description="Older turns beyond this are left out. A replica new to a conversation reads all of it first.",
    )
    threads: int = Field(2, ge=1, description="Threads that generate. They sleep, not spin, where they wait.")
    batch_threads: int = Field(2, ge=1, description="Threads that read the prompt.")
    batch_tokens: int = Field(
        64, ge=32, description="Prompt tokens read at once: a cancel waits for one such batch at the most."
    )
    reuse_tokens: int = Field(
        16, ge=0, description="Shortest run of history moved within the cache when older turns are left out; 0 is off."
    )
    prompt_cache_mib: int = Field(
        32, ge=0, description="Memory for prompts that no slot holds any more: other languages, other conversations."
    )
    poll: int = Field(0, ge=0, le=100, description="How hard threads spin while they wait; 0 sleeps.")
    stall_seconds: float = Field(30.0, gt=0, description="Without a token for so long the model counts as stuck.")


class OpenAiSettings(_Settings):
    """Any server that speaks OpenAI's chat completions."""

    base_url: str = Field("http://127.0.0.1:8001/v1", description="Address up to and with the version.")
    model: str = Field("default", min_length=1, description="Name of the model there.")
    api_key_variable: str = Field(
        "OPENAI_API_KEY", description="Environment variable that holds the key; servers without keys need none."
    )
    slots: int = Field(16, ge=1, description="Replies under way at once.")
    continues: bool = Field(
        False,
        description="The server continues an open assistant message (vLLM, llama.cpp). Else it is asked to, in words.",
    )
    history_tokens: int = Field(4096, ge=0, description="Older turns beyond this, roughly counted, are left out.")
    connect_seconds: float = Field(3.0, gt=0, description="Time within which the server must accept a connection.")
    piece_seconds: float = Field(20.0, gt=0, description="Longest wait for the next piece of a reply.")
    retries: int = Field(1, ge=0, le=5, description="Further attempts where nothing was said yet.")


class LlmSettings(_Settings):
    """The language stage. `engine` names an entry of deployments.llm.engines."""

    engine: str = Field("llama", description="llama: in process. openai: any OpenAI-compatible address.")
    name: str = Field("Ada", min_length=1, description="What the model calls itself.")
    names: dict[str, str] = Field({"zh": "艾达"}, description="By language, where the name is written otherwise there.")
    persona: str = Field(
        PERSONA, min_length=1, description="Who answers, and how. {name} and {language} are filled in; no other braces."
    )
    instructed: str = Field(
        INSTRUCTED,
        description="What is told to the model where a request brings instructions of its own: {instructions}, and "
        "that it is heard. {language} and {name} are filled in.",
    )
    examples: dict[str, tuple[Exchange, ...]] = Field(
        EXAMPLES,
        description="By language, what is shown to the model before the conversation: small models follow examples "
        "better than instructions. {name} is filled in. Kept in the prompt cache.",
    )
    languages: tuple[str, ...] = Field(("en", "es", "zh"), min_length=1, description="ISO 639-1; the first is default.")
    limits: ReplyLimits = ReplyLimits()
    sampling: SamplingSettings = SamplingSettings()
    llama: LlamaSettings = LlamaSettings()
    openai: OpenAiSettings = OpenAiSettings()

    niceness: int = Field(
        0, ge=0, le=19, description="How far this stage steps back where others want the processor; 0 is not at all."
    )

    @model_validator(mode="after")
    def _fillable(self) -> Self:
        try:
            self.persona.format(name="", language="")
            self.instructed.format(name="", language="", instructions="")
            for text in (text for shown in self.examples.values() for exchange in shown for text in exchange):
                text.format(name="")
        except (KeyError, IndexError, ValueError) as error:
            raise ValueError(
                "only {name}, in persona and instructed {language}, and in instructed {instructions} are filled in; "
                f"write other braces twice: {error}"
            ) from error
        return self

    @property
    def slots(self) -> int:
        """Replies the chosen engine makes at once."""
        return self.openai.slots if self.engine == "openai" else self.llama.slots


def gguf_in(folder: Path) -> Path:
    """The one GGUF file of a folder. Raises FileNotFoundError where there is none or more than one."""
    found = sorted(folder.glob("*.gguf"))
    if len(found) != 1:
        raise FileNotFoundError(f"{folder} should hold one GGUF file and holds {len(found)}.")
    return found[0]
