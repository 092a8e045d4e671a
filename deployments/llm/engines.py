"""The sources of tokens by name. What runs is chosen by the settings, as data."""

from collections.abc import Callable

from deployments.errors import Unsupported
from deployments.llm.settings import LlmSettings, gguf_in
from deployments.llm.source import TokenSource
from deployments.llm.speaker import Speaker
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings


def _llama(settings: LlmSettings, weights: WeightsSettings) -> TokenSource:
    from deployments.llm.llama import LlamaSource

    model = gguf_in(require(settings.llama.weights, weights))
    return LlamaSource(model, settings.llama, settings.sampling)


def _openai(settings: LlmSettings, weights: WeightsSettings) -> TokenSource:
    from deployments.llm.openai_url import OpenAiSource

    return OpenAiSource(settings.openai, settings.sampling)


ENGINES: dict[str, Callable[[LlmSettings, WeightsSettings], TokenSource]] = {"llama": _llama, "openai": _openai}


def build_engine(
    settings: LlmSettings, weights: WeightsSettings, observe: Callable[[str], None] | None = None
) -> Speaker:
    """The chat model that the settings name, loaded and warm. `observe` is Speaker's.

    Raises Unsupported for an engine that does not exist, WeightsMissing with the remedy, EngineFailed.
    """
    if settings.engine not in ENGINES:
        raise Unsupported(f"There is no language engine {settings.engine!r}; there are: {', '.join(ENGINES)}.")
    speaker = Speaker(ENGINES[settings.engine](settings, weights), settings, observe)
    speaker.warm()
    return speaker
