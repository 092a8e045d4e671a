"""The engines of the hearing stage by name."""

from deployments.asr.settings import AsrSettings
from deployments.contracts import Transcriber
from deployments.openmp import rest_at_barriers
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings


def build_engine(settings: AsrSettings, weights: WeightsSettings) -> Transcriber:
    """The configured engine, loaded and warm. Raises WeightsMissing, with the remedy."""
    folder = require(settings.weights, weights)
    match settings.engine:
        case "whisper":
            rest_at_barriers()  # CTranslate2 brings GNU OpenMP along
            from deployments.asr.whisper import WhisperTranscriber

            return WhisperTranscriber(settings, folder)
