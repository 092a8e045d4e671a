"""The engines of the hearing stage by name."""

import os

from deployments.asr.settings import AsrSettings
from deployments.contracts import Transcriber
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings


def build_engine(settings: AsrSettings, weights: WeightsSettings) -> Transcriber:
    """The configured engine, loaded and warm. Raises WeightsMissing, with the remedy."""
    folder = require(settings.weights, weights)
    match settings.engine:
        case "whisper":
            # GNU OpenMP, which CTranslate2 brings along, spins while it waits; it reads these when it is loaded.
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
            os.environ.setdefault("GOMP_SPINCOUNT", "0")
            from deployments.asr.whisper import WhisperTranscriber

            return WhisperTranscriber(settings, folder)
