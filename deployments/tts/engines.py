"""The engines of the speaking stage by name."""

from collections.abc import Callable

from deployments.contracts import Synthesizer
from deployments.tts.settings import TtsSettings
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings


def build_engine(settings: TtsSettings, weights: WeightsSettings, load: Callable[[str], bytes]) -> Synthesizer:
    """The configured engine, loaded and warm. `load` gives the enrolment blob of an uploaded voice by its id.

    Raises WeightsMissing, with the remedy, for the model, for consent to its licence, and for espeak-ng.
    """
    match settings.engine:
        case "kokoro":
            from deployments.tts.espeak import open_espeak
            from deployments.tts.kokoro import KokoroSynthesizer
            from deployments.tts.kokoro_network import build_network
            from deployments.tts.matching import Matcher
            from deployments.tts.phonemes import Phonemizer

            folder = require(settings.kokoro.weights, weights)
            phonemizer = Phonemizer(open_espeak(settings.espeak))
            network = build_network(settings.kokoro, folder)

            def matcher() -> Matcher:
                return Matcher(settings.match, require(settings.match.weights, weights), network, phonemizer)

            engine = KokoroSynthesizer(settings, network, phonemizer, matcher, load)
            if settings.warm_up:
                engine.warm_up()
            return engine
        case "xtts":
            # Its consent comes before torch is even looked for.
            folder = require(settings.xtts.weights, weights)
            from deployments.tts.xtts import XttsSynthesizer
            from deployments.tts.xtts_model import XttsModel

            cloned = XttsSynthesizer(settings, XttsModel(folder, settings.xtts), load)
            if settings.warm_up:
                cloned.warm_up()
            return cloned
