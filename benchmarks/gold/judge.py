"""Who listens to the soundtracks: Whisper base in this process, with settings that no configuration changes."""

from benchmarks.gold.passage import Judge
from deployments.asr.settings import AsrSettings
from deployments.contracts import Pcm, Utterance
from deployments.weights.settings import WeightsSettings


def whisper() -> Judge:
    """Loads it. Raises WeightsMissing, with the remedy."""
    from deployments.asr.engines import build_engine

    engine = build_engine(AsrSettings(threads=1, word_times=False), WeightsSettings())

    def judge(speech: Pcm, language: str) -> str:
        (heard,) = engine.transcribe([Utterance(speech, language)])
        if isinstance(heard, Exception):
            raise heard
        return heard.text

    return judge
